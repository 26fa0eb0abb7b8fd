import { describe, expect, it } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { apiGuards } from '../../src/ingress/guards.js';
import { problemHandler } from '../../src/ingress/problem.js';
import type { RequestLimit, ShareRequestLimit } from '../../src/ports/request-limit.js';

async function appWith(rateLimitPerMinute: number, shareLimit?: ShareRequestLimit) {
  const app = express();
  const settings = { corsOrigins: [], rateLimitPerMinute, ...(shareLimit === undefined ? {} : { shareLimit }) };
  for (const guard of await apiGuards(settings)) app.use(guard);
  app.get('/', (_request, response) => void response.json({}));
  app.use(problemHandler(() => undefined));
  return app;
}

describe('The limit of requests', () => {
  it('says with every answer what is left, and refuses with 429 and Retry-After what is more', async () => {
    const app = await appWith(2);
    const first = await request(app).get('/');
    expect(first.headers['ratelimit-policy']).toBe('"default";q=2;w=60');
    expect(first.headers['ratelimit']).toMatch(/^"default";r=1;t=\d+$/);
    expect((await request(app).get('/')).headers['ratelimit']).toMatch(/^"default";r=0;t=\d+$/);
    const third = await request(app).get('/');
    expect(third.status).toBe(429);
    expect(Number(third.headers['retry-after'])).toBeGreaterThan(0);
    expect(JSON.parse(third.text)).toMatchObject({ code: 'rate-limited' });
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
    const app = await appWith(10, share);
    expect((await request(app).get('/')).headers['ratelimit']).toBe('"default";r=9;t=3');
    const refused = await request(app).get('/');
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '3']);
    expect(new Set(asked).size).toBe(1);
    expect(await ours?.take('client')).toMatchObject({ allowed: true, remaining: 9 });
  });

  it('is not there where it is switched off', async () => {
    expect((await request(await appWith(0)).get('/')).headers['ratelimit']).toBeUndefined();
  });
});
