import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { accept, type Json, notification, startApp, type TestApp } from '../support/app.js';

const prefs = (user: string): string => `/api/v1/users/${user}/preferences`;

describe('An address that the request does not name', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());

  const recipientOf = async (id: string): Promise<unknown> => {
    const { body } = await app.get<{ deliveries: { recipient: string }[] }>(`/api/v1/notifications/${id}`);
    return body.deliveries[0]?.recipient;
  };

  it('is the person’s contact, fixed when the notification is accepted', async () => {
    await app.send('PUT', prefs('ana'), { contacts: { email: 'first@example.org' } });
    const scheduledFor = new Date(Date.now() + 3_600_000).toISOString();
    const id = await accept(app, notification({ userId: 'ana', to: {}, scheduledFor }));
    await app.send('PUT', prefs('ana'), { contacts: { email: 'second@example.org' } });
    expect(await recipientOf(id)).toBe('first@example.org');
    expect(await recipientOf(await accept(app, notification({ userId: 'ana', to: undefined })))).toBe('second@example.org');
    expect(await recipientOf(await accept(app, notification({ userId: 'ana', to: { email: 'named@example.org' } })))).toBe(
      'named@example.org',
    );
  });

  it('is asked for where the person has no such contact either, each one by its place', async () => {
    const body = notification({ userId: 'nobody', channels: ['email', 'sms', 'push', 'webhook', 'in-app'], to: {} });
    const answer = await app.send('POST', '/api/v1/notifications', body);
    expect(answer.status).toBe(400);
    const pointers = (answer.body.errors as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(pointers).toEqual(['/to/email', '/to/phone', '/to/pushToken', '/to/webhook']);
  });

  it('does not change what a repeat is: the key gives the first answer after the contact changed, and after it is gone', async () => {
    await app.send('PUT', prefs('bo'), { contacts: { email: 'bo@example.org' } });
    const body = notification({ userId: 'bo', to: {}, idempotencyKey: 'to-bo' });
    const first = await app.send('POST', '/api/v1/notifications', body);
    expect(first.status).toBe(202);
    for (const contacts of [{ email: 'other@example.org' }, {}]) {
      await app.send('PUT', prefs('bo'), { contacts });
      const repeat = await app.send('POST', '/api/v1/notifications', body);
      expect([repeat.status, repeat.body]).toEqual([200, { ...first.body, idempotentHit: true }]);
      expect(repeat.headers.get('idempotency-replayed')).toBe('true');
      const other = await app.send('POST', '/api/v1/notifications', { ...body, subject: 'Other' });
      expect([other.status, other.body.code]).toEqual([422, 'idempotency-conflict']);
    }
    expect(await recipientOf(String(first.body.notificationId))).toBe('bo@example.org');
    expect((await app.send('POST', '/api/v1/notifications', { ...body, idempotencyKey: 'to-bo-2' })).status).toBe(400);
  });

  it('is one phone number however it is written, and none where it is none', async () => {
    const sms = (phone: string): Json => notification({ channels: ['sms'], to: { phone } });
    expect(await recipientOf(await accept(app, sms('+351 912 345 678')))).toBe('+351912345678');
    for (const phone of ['912 345 678', '+351 12', 'nonsense']) {
      const answer = await app.send('POST', '/api/v1/notifications', sms(phone));
      expect([answer.status, answer.body.errors]).toMatchObject([400, [{ pointer: '/to/phone' }]]);
    }
  });
});
