import { describe, expect, it } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { apiGuards } from '../../src/ingress/guards.js';
import { identify } from '../../src/ingress/identity.js';
import { problemHandler } from '../../src/ingress/problem.js';
import type { RequestLimit, ShareRequestLimit } from '../../src/ports/request-limit.js';

interface Limits {
  readonly caller?: number;
  readonly tenant?: number;
  readonly ip?: number;
}

/** Callers name themselves: `x-caller: tenant/principal`. */
async function appWith({ caller = 0, tenant = 0, ip = 0 }: Limits, shareLimit?: ShareRequestLimit) {
  const app = express();
  app.set('trust proxy', 'loopback');
  const settings = { corsOrigins: [], rateLimitPerMinute: caller, rateLimitTenantPerMinute: tenant, rateLimitIpPerMinute: ip };
  const guards = await apiGuards({ ...settings, ...(shareLimit === undefined ? {} : { shareLimit }) });
  for (const guard of guards.outer) app.use(guard);
  app.use((asked, _response, next) => {
    const [of = '', principal = ''] = (asked.get('x-caller') ?? 't/anonymous').split('/');
    identify(asked, { tenant: of, principal, scopes: new Set() });
    next();
  });
  for (const guard of guards.inner) app.use(guard);
  app.get('/', (_request, response) => void response.json({}));
  app.use(problemHandler(() => undefined));
  return (headers: Readonly<Record<string, string>> = {}) => request(app).get('/').set(headers);
}

const as = (caller: string) => ({ 'x-caller': caller, authorization: 'Bearer x' });
const from = (address: string) => ({ 'x-forwarded-for': address });

describe('The limit of requests', () => {
  it('says with every answer what is left, and refuses with 429 and Retry-After what is more', async () => {
    const get = await appWith({ caller: 2 });
    const first = await get();
    expect(first.headers['ratelimit-policy']).toBe('"caller";q=2;w=60');
    expect(first.headers['ratelimit']).toMatch(/^"caller";r=1;t=\d+$/);
    expect((await get()).headers['ratelimit']).toMatch(/^"caller";r=0;t=\d+$/);
    const third = await get();
    expect(third.status).toBe(429);
    expect(third.headers['ratelimit']).toMatch(/^"caller";r=0;t=\d+$/);
    expect(Number(third.headers['retry-after'])).toBeGreaterThan(0);
    expect(JSON.parse(third.text)).toMatchObject({ code: 'rate-limited' });
  });

  it('is each caller’s own: one who uses it up takes nothing from another, wherever both are', async () => {
    const get = await appWith({ caller: 1 });
    expect((await get(as('t/a'))).status).toBe(200);
    expect((await get({ ...as('t/a'), ...from('192.0.2.7') })).status).toBe(429);
    expect((await get(as('t/b'))).status).toBe(200);
    expect((await get(as('u/a'))).status).toBe(200);
  });

  it('tells those who need no key apart by their addresses', async () => {
    const get = await appWith({ caller: 1 });
    expect((await get(from('192.0.2.1'))).status).toBe(200);
    expect((await get(from('192.0.2.2'))).status).toBe(200);
    expect((await get(from('192.0.2.1'))).status).toBe(429);
  });

  it('of a tenant counts all its callers together', async () => {
    const get = await appWith({ tenant: 2 });
    expect((await get(as('t/a'))).status).toBe(200);
    expect((await get(as('t/b'))).status).toBe(200);
    expect((await get(as('t/c'))).status).toBe(429);
    expect((await get(as('u/a'))).status).toBe(200);
  });

  it('of an address counts all who come from it; of IPv6 its network, for everybody has a whole one', async () => {
    const get = await appWith({ ip: 1 });
    expect((await get({ ...as('t/a'), ...from('192.0.2.1') })).status).toBe(200);
    expect((await get({ ...as('u/b'), ...from('192.0.2.1') })).status).toBe(429);
    expect((await get({ ...as('u/b'), ...from('::ffff:192.0.2.1') })).status).toBe(429);
    expect((await get(from('2001:db8:1:2::1'))).status).toBe(200);
    expect((await get(from('2001:db8:1:2:3::4'))).status).toBe(429);
    expect((await get(from('2001:db8:1:3::1'))).status).toBe(200);
  });

  it('says all that limits, one beside the other', async () => {
    const { headers } = await (await appWith({ caller: 5, tenant: 6, ip: 7 }))();
    expect(headers['ratelimit-policy']).toBe('"ip";q=7;w=60, "tenant";q=6;w=60, "caller";q=5;w=60');
    expect(headers['ratelimit']).toMatch(/^"ip";r=6;t=\d+, "tenant";r=5;t=\d+, "caller";r=4;t=\d+$/);
  });

  it('is counted by whoever shares it, who is handed a count of our own to go by', async () => {
    const asked: string[] = [];
    let ours: RequestLimit | undefined;
    const share: ShareRequestLimit = async (perMinute, own) => {
      ours = own;
      return {
        async take(client) {
          asked.push(client);
          return { allowed: asked.length <= 1, remaining: perMinute - asked.length, resetMs: 2500 };
        },
      };
    };
    const get = await appWith({ caller: 10 }, share);
    expect((await get()).headers['ratelimit']).toBe('"caller";r=9;t=3');
    const refused = await get();
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '3']);
    expect(new Set(asked).size).toBe(1);
    expect(await ours?.take('client')).toMatchObject({ allowed: true, remaining: 9 });
  });

  it('is not there where it is switched off', async () => {
    expect((await (await appWith({}))()).headers['ratelimit']).toBeUndefined();
  });
});
