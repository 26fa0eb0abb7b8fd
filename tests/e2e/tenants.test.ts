import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ACCESS } from '../../src/ingress/access.js';
import { eventually, type Json, notification, startApp, type TestApp } from '../support/app.js';
import { openStream } from '../support/event-stream.js';
import { bearer, GUARDED, keyOf, type Made } from './keyed.js';

describe('Tenants', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(GUARDED);
  });
  afterAll(() => app.stop());

  it('a key that may do everything in its tenant sees nothing of another’s, on any route', async () => {
    const all = ['send', 'read', 'desk', 'admin'];
    const [shop, bank] = [await keyOf(app, 'shop', all, 'everything'), await keyOf(app, 'bank', all, 'everything')];
    const as = <T = Json>({ key }: Made, method: string, path: string, body?: Json) => app.send<T>(method, path, body, bearer(key));

    // The bank has one of everything: delivered, dead, in an inbox, a batch, preferences, an operation of the desk.
    await as(bank, 'PUT', '/api/v1/users/ada/preferences', { contacts: { email: 'bank-secret@example.org' } });
    await app.send('PUT', '/sink/behaviour', {
      channel: 'webhook',
      name: 'bank',
      steps: [{ do: 'status', status: 410 }],
      then: { do: 'status', status: 410 },
    });
    const body = notification({
      userId: 'ada',
      channels: ['in-app', 'webhook'],
      body: 'bank-secret',
      to: { webhook: `${app.url}/sink/webhook/bank` },
    });
    const { notificationId: id } = (await as(bank, 'POST', '/api/v1/notifications', body)).body as { notificationId: string };
    const { batchId } = (
      await as(bank, 'POST', '/api/v1/notifications/batch', { recipients: [{ userId: 'ada' }], channels: ['in-app'], body: 'bank-secret' })
    ).body as { batchId: string };
    const dead = await eventually(
      async () => (await as<{ data: { deliveryId: string }[] }>(bank, 'GET', '/api/v1/dead-letters')).body.data[0],
    );
    const { operationId } = (await as(bank, 'POST', '/api/v1/dead-letters/redrive', { filter: { channel: 'sms' } })).body as {
      operationId: string;
    };

    const said = { conversationId: 'bank-room', senderId: 'ada', content: 'bank-secret', clientMessageId: 'm-1' };
    const { messageId } = (await as(bank, 'POST', '/api/v1/messages', said)).body as { messageId: string };
    const history = '/api/v1/conversations/bank-room/messages';
    await eventually(async () => (await as<{ data: Json[] }>(bank, 'GET', history)).body.data[0]);

    const ids: Readonly<Record<string, string>> = {
      notifications: id,
      messages: messageId,
      conversations: 'bank-room',
      batches: batchId,
      'dead-letters': dead.deliveryId,
      held: dead.deliveryId,
      operations: operationId,
      keys: bank.keyId,
    };
    expect(Object.values(ids).every((one) => typeof one === 'string')).toBe(true);
    const path = (pattern: string): string =>
      pattern
        .replace(/([a-z-]+)\/:id/, (_all, list: string) => `${list}/${ids[list] ?? ''}`)
        .replace(':userId', 'ada')
        .replace(':stream', 'messages') + (pattern.endsWith('/explain') && !pattern.includes(':id') ? '?userId=ada' : '');

    for (const { method, path: pattern, scope } of ACCESS) {
      if (scope === 'operate' || pattern.endsWith('/stream')) continue;
      const reason = pattern === '/api/v1/dead-letters/:id' && method === 'delete' ? '?reason=none' : '';
      const answered = await as(shop, method.toUpperCase(), path(pattern) + reason, method === 'get' ? undefined : bodyFor(pattern));
      const where = `${method} ${pattern}: ${answered.status}`;
      expect([where, JSON.stringify(answered.body).includes('bank-secret')]).toEqual([where, false]);
      // A conversation is there for whoever asks: its own, and empty.
      if (pattern.includes('/conversations/:id')) expect([where, answered.body]).toEqual([where, { data: [], nextCursor: null }]);
      else if (pattern.includes(':id')) expect([where, answered.status]).toEqual([where, 404]);
    }
    // The same paths are there for whose they are: it is the tenant that hid them.
    for (const { method, path: pattern, scope } of ACCESS) {
      if (method !== 'get' || scope === 'operate' || pattern.endsWith('/stream') || pattern.endsWith('/held/:id')) continue;
      expect([pattern, (await as(bank, 'GET', path(pattern))).status]).toEqual([pattern, 200]);
    }
    // And nothing of it has changed.
    expect((await as(bank, 'GET', `/api/v1/notifications/${id}`)).body).toMatchObject({ status: expect.stringMatching(/partial|dead/) });
    expect((await as(bank, 'GET', '/api/v1/users/ada/preferences')).body).toMatchObject({ contacts: { email: 'bank-secret@example.org' } });
    expect((await as<{ unread: number }>(bank, 'GET', '/api/v1/users/ada/inbox')).body.unread).toBeGreaterThan(0);
    expect((await as<{ data: Json[] }>(shop, 'GET', '/api/v1/dead-letters')).body.data).toEqual([]);
  });
});

describe('The stream of an inbox', () => {
  it('shows nothing of another tenant’s person of the same name', async () => {
    const app = await startApp(GUARDED);
    try {
      const [shop, bank] = [await keyOf(app, 'shop'), await keyOf(app, 'bank')];
      const url = `${app.url}/api/v1/users/ada/inbox/stream`;
      const [ours, theirs] = await Promise.all([shop, bank].map(({ key }) => openStream(url, '0', bearer(key))));
      for (const [one, text] of [
        [bank, 'bank'],
        [shop, 'shop'],
      ] as const) {
        await app.send('POST', '/api/v1/notifications', notification({ userId: 'ada', channels: ['in-app'], body: text }), bearer(one.key));
      }
      const [first] = (await ours?.events(1)) ?? [];
      expect(first?.data).toMatchObject({ body: 'shop' });
      await theirs?.events(1);
      expect(ours?.seen()).toHaveLength(1);
    } finally {
      await app.stop();
    }
  });
});

/** What is right for the route, so that it is the tenant that decides. */
function bodyFor(pattern: string): Json {
  if (pattern.endsWith('/preferences')) return { contacts: {} };
  if (pattern.endsWith('/inbox/read')) return { upTo: 1_000_000 };
  if (pattern.endsWith('/receipts')) return { userId: 'ada', state: 'read' };
  if (pattern.endsWith('/release')) return { key: 'bank-room' };
  if (pattern.endsWith('/resolve')) return { resolution: 'dead' };
  if (pattern.endsWith('/dead-letters/redrive')) return { filter: {} };
  if (pattern.endsWith('/dead-letters/discard')) return { filter: {}, reason: 'none' };
  return {};
}
