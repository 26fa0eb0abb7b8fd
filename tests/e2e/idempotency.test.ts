import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Json, notification, sinkOf, startApp, type TestApp, untilStatus } from '../support/app.js';

describe('An idempotency key', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());

  it('makes a repeat answer 200 with the first answer, but for idempotentHit', async () => {
    const body = notification({ idempotencyKey: 'order-1' });
    const first = await app.send('POST', '/api/v1/notifications', body);
    await untilStatus(app, String(first.body.notificationId), ['delivered']);
    const repeat = await app.send('POST', '/api/v1/notifications', body);
    expect([first.status, repeat.status]).toEqual([202, 200]);
    expect(repeat.body).toEqual({ ...first.body, idempotentHit: true });
    expect(repeat.headers.get('idempotency-replayed')).toBe('true');
  });

  it('is the same whether it comes in the header or in the body', async () => {
    const first = await app.send('POST', '/api/v1/notifications', notification(), { 'Idempotency-Key': 'order-2' });
    const repeat = await app.send('POST', '/api/v1/notifications', notification({ idempotencyKey: 'order-2' }));
    expect([repeat.status, repeat.body.notificationId]).toEqual([200, first.body.notificationId]);
  });

  it('refuses another body with 422 and leaves the first untouched', async () => {
    const first = await app.send('POST', '/api/v1/notifications', notification({ idempotencyKey: 'order-3' }));
    const other = await app.send('POST', '/api/v1/notifications', notification({ idempotencyKey: 'order-3', subject: 'Other' }));
    expect([other.status, other.body.code]).toEqual([422, 'idempotency-conflict']);
    const kept = await app.get(`/api/v1/notifications/${String(first.body.notificationId)}`);
    expect(kept.body.subject).toBe('Hello');
  });

  it('makes one notification of fifty calls at once, and one mail', async () => {
    const body = notification({ idempotencyKey: 'order-4', subject: 'fifty' });
    const answers = await Promise.all(Array.from({ length: 50 }, () => app.send('POST', '/api/v1/notifications', body)));
    expect(new Set(answers.map((answer) => answer.body.notificationId)).size).toBe(1);
    expect(answers.filter((answer) => answer.status === 202)).toHaveLength(1);
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(49);
    await untilStatus(app, String(answers[0]?.body.notificationId), ['delivered']);
    const { effects } = await sinkOf(app);
    expect(effects.filter((effect) => effect.subject === 'fifty').map((effect) => effect.duplicates)).toEqual([0]);
  });

  it('lets a repeat through whose expiry has passed since', async () => {
    const expiresAt = new Date(Date.now() + 150).toISOString();
    const body: Json = notification({ idempotencyKey: 'order-5', expiresAt });
    const first = await app.send('POST', '/api/v1/notifications', body);
    await untilStatus(app, String(first.body.notificationId), ['delivered', 'expired']);
    while (Date.now() <= Date.parse(expiresAt)) await app.get('/livez');
    expect((await app.send('POST', '/api/v1/notifications', body)).status).toBe(200);
    expect((await app.send('POST', '/api/v1/notifications', { ...body, idempotencyKey: 'order-6' })).status).toBe(400);
  });
});
