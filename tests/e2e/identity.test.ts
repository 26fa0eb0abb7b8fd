import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ACCESS } from '../../src/ingress/access.js';
import { type Json, startApp, type TestApp } from '../support/app.js';
import { ADMIN, bearer, call, GUARDED, keyOf, type Made } from './keyed.js';

describe('Where a key is asked for', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(GUARDED);
  });
  afterAll(() => app.stop());

  it.each(ACCESS.map(({ method, path }) => [method, path] as const))(
    '%s %s without one is 401, with the way to show one',
    async (method, path) => {
      const { status, headers, body } = await call(app, method, path, null);
      expect([status, body.code]).toEqual([401, 'unauthorized']);
      expect(headers.get('content-type')).toContain('application/problem+json');
      expect(headers.get('www-authenticate')).toBe('Bearer realm="signalbox"');
    },
  );

  it.each(ACCESS.map(({ method, path, scope }) => [method, path, scope] as const))(
    '%s %s asks for the scope %s, and for no other',
    async (method, path, scope) => {
      const others = ['send', 'read', 'desk', 'admin', 'operate'].filter((one) => one !== scope);
      const without = await call(app, method, path, (await keyOf(app, 'shop', others, 'others')).key);
      expect([without.status, without.body.code]).toEqual([403, 'forbidden']);
      expect(without.headers.get('www-authenticate')).toContain(`error="insufficient_scope", scope="${scope}"`);
      // A stream would go on and on; for the rest, what the route says of nothing is not about who asks.
      if (path.endsWith('/stream')) return;
      const key = await keyOf(app, 'shop', [scope], 'only');
      expect([401, 403]).not.toContain((await call(app, method, path, key.key)).status);
    },
  );

  it('a path that is not there is 404 for callers and 401 for others', async () => {
    expect((await call(app, 'get', '/api/v1/nowhere', null)).status).toBe(401);
    expect((await call(app, 'get', '/api/v1/nowhere', ADMIN)).status).toBe(404);
  });

  it('health, metrics and the root stay open on the inner network', async () => {
    for (const path of ['/', '/health', '/livez', '/readyz', '/metrics', '/resources']) expect((await app.get(path)).status).toBe(200);
  });

  it('metrics are not for who comes through a balancer', async () => {
    for (const path of ['/metrics', '/metrics/prometheus', '/resources']) {
      const { status, body } = await app.send('GET', path, undefined, { 'x-forwarded-for': '10.0.0.1' });
      expect([status, body.code]).toEqual([403, 'forbidden']);
    }
  });

  it('whatever is wrong with what is shown, the answer is the same', async () => {
    const { key, keyId } = await keyOf(app, 'shop');
    const wrong = [
      `sbk_${keyId}_${'A'.repeat(43)}`,
      `sbk_${'0'.repeat(16)}_${'A'.repeat(43)}`,
      key.slice(0, -1),
      `${key}x`,
      `${ADMIN}x`,
      'a.b.c',
      'x'.repeat(9000),
    ];
    const answers = await Promise.all(wrong.map((credential) => call(app, 'get', '/api/v1/notifications', credential)));
    const basic = await app.send('GET', '/api/v1/notifications', undefined, { authorization: `Basic ${key}` });
    expect(new Set([...answers, basic].map(({ status, body }) => `${status} ${String(body.detail)}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(401);
  });

  it('the secret of a key is shown once, and nothing may keep it', async () => {
    const made = await app.send<Made>('POST', '/api/v1/keys', { name: 'once', scopes: ['read'] }, bearer(ADMIN));
    expect(made.headers.get('cache-control')).toBe('no-store');
    expect(made.body.key).toMatch(new RegExp(`^sbk_${made.body.keyId}_[A-Za-z0-9_-]{43}$`));
    const listed = await app.send<{ data: Json[] }>('GET', '/api/v1/keys', undefined, bearer(ADMIN));
    expect(listed.body.data).toContainEqual(expect.objectContaining({ keyId: made.body.keyId, name: 'once', createdBy: 'admin' }));
    expect(JSON.stringify(listed.body)).not.toContain(made.body.key.slice(-43));
    expect(JSON.stringify(listed.body)).not.toContain('digest');
  });

  it('nobody gives what is not theirs: the scope operate, or keys of another tenant', async () => {
    const { key } = await keyOf(app, 'shop', ['admin'], 'shopkeeper');
    const make = (body: Json) => app.send('POST', '/api/v1/keys', { name: 'x', scopes: ['read'], ...body }, bearer(key));
    expect((await make({})).body).toMatchObject({ tenant: 'shop', createdBy: 'key:shopkeeper' });
    expect((await make({ scopes: ['operate'] })).status).toBe(403);
    expect((await make({ tenant: 'bank' })).status).toBe(403);
    const theirs = await keyOf(app, 'bank');
    expect((await app.send('DELETE', `/api/v1/keys/${theirs.keyId}`, undefined, bearer(key))).status).toBe(404);
    expect((await app.send('DELETE', `/api/v1/keys/${theirs.keyId}?tenant=bank`, undefined, bearer(key))).status).toBe(403);
    expect((await app.send('POST', `/api/v1/keys/${theirs.keyId}/rotate`, {}, bearer(key))).status).toBe(404);
    expect((await app.send('GET', '/api/v1/keys?tenant=bank', undefined, bearer(key))).status).toBe(403);
    expect((await call(app, 'get', '/api/v1/notifications', theirs.key)).status).toBe(200);
  });

  it.each([
    [{ scopes: [] }, '/scopes'],
    [{ scopes: ['root'] }, '/scopes/0'],
    [{ name: 'a b' }, '/name'],
    [{ tenant: 'Shop\n' }, '/tenant'],
    [{ expiresInDays: 0 }, '/expiresInDays'],
    [{ key: 'mine' }, '/key'],
  ])('a key that cannot be made so is refused by name: %j', async (change, pointer) => {
    const { status, body } = await app.send('POST', '/api/v1/keys', { name: 'a', scopes: ['read'], ...change }, bearer(ADMIN));
    expect([status, (body.errors as Json[])[0]?.pointer]).toEqual([400, pointer]);
  });
});

describe('A browser’s question before the call', () => {
  it('is answered without a key: yes to a named origin, nothing to another', async () => {
    const app = await startApp({ ...GUARDED, CORS_ORIGINS: 'https://app.example.org' });
    const ask = (origin: string) =>
      app.send('OPTIONS', '/api/v1/notifications', undefined, {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      });
    try {
      const named = await ask('https://app.example.org');
      expect([named.status, named.headers.get('access-control-allow-origin')]).toEqual([204, 'https://app.example.org']);
      expect(named.headers.get('access-control-allow-headers')).toContain('authorization');
      expect((await ask('https://evil.example.org')).headers.get('access-control-allow-origin')).toBeNull();
    } finally {
      await app.stop();
    }
  });
});

describe('The limits', () => {
  it('are each key’s own; the tenant’s is for all of its keys; nobody is asked for a key past the address’s', async () => {
    const app = await startApp({
      ...GUARDED,
      RATE_LIMIT_PER_MINUTE: '2',
      RATE_LIMIT_TENANT_PER_MINUTE: '3',
      RATE_LIMIT_IP_PER_MINUTE: '15',
    });
    const read = async (key: string | null): Promise<number> => (await call(app, 'get', '/api/v1/notifications', key)).status;
    try {
      const admin = [await keyOf(app, 'shop', ['read'], 'one'), await keyOf(app, 'shop', ['read'], 'two')];
      const [one = '', two = ''] = admin.map(({ key }) => key);
      expect([await read(one), await read(one), await read(one)]).toEqual([200, 200, 429]);
      // The tenant has had three by now, refused ones included.
      expect(await read(two)).toBe(429);
      expect(await read(ADMIN)).toBe(429);
      const rest = [];
      for (let n = 0; n < 10; n += 1) rest.push(await read(null));
      expect(new Set(rest)).toEqual(new Set([401, 429]));
      const last = await call(app, 'get', '/api/v1/notifications', null);
      expect([last.status, last.headers.get('ratelimit')]).toEqual([429, expect.stringMatching(/^"ip";r=0;t=\d+$/)]);
      expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
    } finally {
      await app.stop();
    }
  });
});

describe('Where no key is asked for', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ ADMIN_API_KEY: ADMIN });
  });
  afterAll(() => app.stop());

  it('everybody on this machine may do everything, also make keys', async () => {
    expect((await app.get('/api/v1/fleet')).status).toBe(200);
    expect((await app.send('POST', '/api/v1/keys', { name: 'a', scopes: ['operate'] })).status).toBe(201);
  });

  it('a key that is shown counts: a wrong one is refused, a right one is who it is', async () => {
    expect((await call(app, 'get', '/api/v1/notifications', 'wrong')).status).toBe(401);
    const { key } = await keyOf(app, 'shop', ['read']);
    expect((await call(app, 'post', '/api/v1/notifications', key)).status).toBe(403);
  });
});
