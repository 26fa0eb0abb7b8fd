import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KEY_FRESH_MS } from '../../src/ingress/key-ring.js';
import { eventually, type Json, notification, startApp, type TestApp } from '../support/app.js';
import { openStream } from '../support/event-stream.js';
import { ADMIN, bearer, call, GUARDED, keyOf, type Made } from './keyed.js';

describe('A rotation', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(GUARDED);
  });
  afterAll(() => app.stop());

  const status = async (key: string): Promise<number> => (await call(app, 'get', '/api/v1/notifications', key)).status;
  const rotate = (keyId: string, body: Json) =>
    app.send<Made & Json>('POST', `/api/v1/keys/${keyId}/rotate`, { tenant: 'shop', ...body }, bearer(ADMIN));

  it('gives a second key for the same service, and both are honoured while they overlap', async () => {
    const old = await keyOf(app, 'shop');
    const body = notification({ idempotencyKey: 'rotated' });
    const first = await app.send<Json>('POST', '/api/v1/notifications', body, bearer(old.key));
    const made = await rotate(old.keyId, { overlapSeconds: 3600 });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ tenant: 'shop', name: 'orders', scopes: ['send', 'read'], replaces: old.keyId });
    expect([await status(old.key), await status(made.body.key)]).toEqual([200, 200]);
    // One principal: what was accepted under the old key is a repeat under the new one.
    const again = await app.send<Json>('POST', '/api/v1/notifications', body, bearer(made.body.key));
    expect([first.status, again.status, again.body.notificationId]).toEqual([202, 200, first.body.notificationId]);
  });

  it('of a key that ends by itself makes one that lives as long, unless told otherwise', async () => {
    const create = { tenant: 'shop', name: 'guest', scopes: ['read'], expiresInDays: 2 };
    const old = (await app.send<Made & Json>('POST', '/api/v1/keys', create, bearer(ADMIN))).body;
    const lives = (made: Json): number => (Date.parse(String(made['endsAt'])) - Date.parse(String(made['createdAt']))) / 86_400_000;
    expect(lives(old)).toBe(2);
    expect(lives((await rotate(old.keyId, { overlapSeconds: 60 })).body)).toBe(2);
    expect(lives((await rotate(old.keyId, { overlapSeconds: 60, expiresInDays: 5 })).body)).toBe(5);
    const forEver = await keyOf(app, 'shop');
    expect((await rotate(forEver.keyId, {})).body['endsAt']).toBeNull();
  });

  it('without overlap ends the old one at once, in the process that was asked', async () => {
    const old = await keyOf(app, 'shop');
    expect(await status(old.key)).toBe(200);
    const made = await rotate(old.keyId, { overlapSeconds: 0 });
    expect([await status(old.key), await status(made.body.key)]).toEqual([401, 200]);
    expect((await rotate(old.keyId, {})).status).toBe(404);
  });

  it('an overlap that is over is over, to the second', async () => {
    const old = await keyOf(app, 'shop');
    await rotate(old.keyId, { overlapSeconds: 1 });
    expect(await status(old.key)).toBe(200);
    const before = performance.now();
    await eventually(async () => (await status(old.key)) === 401);
    expect(performance.now() - before).toBeLessThan(KEY_FRESH_MS);
  });

  it('what was revoked is refused, is listed with who did it, and can be revoked again', async () => {
    const { key, keyId } = await keyOf(app, 'shop');
    expect(await status(key)).toBe(200);
    const revoke = () => app.send('DELETE', `/api/v1/keys/${keyId}?tenant=shop`, undefined, bearer(ADMIN));
    const first = await revoke();
    expect(first.body).toMatchObject({ keyId, endedBy: 'admin' });
    expect(await status(key)).toBe(401);
    expect((await revoke()).body).toEqual(first.body);
  });

  it('ends the streams of a revoked key, within the time that is stated', async () => {
    const { key, keyId } = await keyOf(app, 'shop');
    const stream = await openStream(`${app.url}/api/v1/users/ada/inbox/stream`, undefined, bearer(key));
    await app.send('DELETE', `/api/v1/keys/${keyId}?tenant=shop`, undefined, bearer(ADMIN));
    const before = performance.now();
    await stream.ended();
    expect(performance.now() - before).toBeLessThan(KEY_FRESH_MS + 2000);
  });
});
