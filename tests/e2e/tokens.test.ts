import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { type Json, startApp, type TestApp } from '../support/app.js';
import { call, GUARDED, SECRET } from './keyed.js';

describe('A token', () => {
  let app: TestApp;
  let other: TestApp;
  beforeAll(async () => {
    [app, other] = await Promise.all([startApp(GUARDED), startApp(GUARDED)]);
  });
  afterAll(() => Promise.all([app.stop(), other.stop()]));

  const signed = (claims: Json = {}, secret = SECRET, alg = 'HS256'): Promise<string> =>
    new SignJWT({ sub: 'ada', tenant: 'shop', scope: 'read unknown', aud: 'signalbox', exp: Math.floor(Date.now() / 1000) + 60, ...claims })
      .setProtectedHeader({ alg })
      .sign(new TextEncoder().encode(secret));
  const status = async (server: TestApp, token: string, method = 'get'): Promise<number> =>
    (await call(server, method, '/api/v1/notifications', token)).status;

  it('signed with the shared secret is good on every instance, for what it says and no more', async () => {
    const token = await signed();
    expect([await status(app, token), await status(other, token), await status(app, token, 'post')]).toEqual([200, 200, 403]);
  });

  it.each([
    ['has run out', { exp: 1_000_000_000 }],
    ['has no end', { exp: undefined }],
    ['is for somebody else', { aud: 'billing' }],
    ['is for nobody', { aud: undefined }],
    ['names no tenant', { tenant: undefined }],
    ['names nobody', { sub: undefined }],
    ['is not good yet', { nbf: 4_000_000_000 }],
    ['names a tenant that is none', { tenant: 'shop\nbank' }],
  ])('that %s is refused', async (_why, claims) => {
    expect(await status(app, await signed(claims))).toBe(401);
  });

  it('signed otherwise is refused: another secret, another algorithm, or none', async () => {
    const [, payload = ''] = (await signed()).split('.');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
    expect(await status(app, await signed({}, `${SECRET.slice(1)}x`))).toBe(401);
    expect(await status(app, await signed({}, SECRET.repeat(2), 'HS512'))).toBe(401);
    expect(await status(app, await signed({}, SECRET, 'HS384').catch(() => none))).toBe(401);
    expect(await status(app, none)).toBe(401);
  });
});
