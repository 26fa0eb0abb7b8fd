import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type WebhookChannelOptions, webhookChannel } from '../../src/channels/webhook.js';
import { clock, effectTo, noAbort, SECRET, timers } from './fixtures.js';
import { startReceiver } from './webhook-receivers.js';

const cleanups: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function channel(options: Partial<WebhookChannelOptions> = {}) {
  const made = webhookChannel({ clock, timers, secrets: [SECRET], allow: ['127.0.0.0/8'], ...options });
  cleanups.push(() => made.close());
  return made;
}

async function receiver(answer: RequestListener) {
  const started = await startReceiver(answer);
  cleanups.push(started.stop);
  return started;
}

describe('What the status means', () => {
  test.each([
    [200, { kind: 'done' }],
    [202, { kind: 'done' }],
    [204, { kind: 'done' }],
    [301, { kind: 'dead', failure: { code: 'redirect' } }],
    [302, { kind: 'dead', failure: { code: 'redirect' } }],
    [308, { kind: 'dead', failure: { code: 'redirect' } }],
    [400, { kind: 'dead', failure: { code: 'http_400' } }],
    [401, { kind: 'dead', failure: { code: 'http_401' } }],
    [404, { kind: 'dead', failure: { code: 'http_404' } }],
    [408, { kind: 'retry', failure: { code: 'http_408' } }],
    [410, { kind: 'dead', failure: { code: 'http_410' } }],
    [425, { kind: 'retry', failure: { code: 'http_425' } }],
    [429, { kind: 'retry', throttled: true, failure: { code: 'http_429' } }],
    [500, { kind: 'retry', failure: { code: 'http_500' } }],
    [502, { kind: 'retry', failure: { code: 'http_502' } }],
    [503, { kind: 'retry', failure: { code: 'http_503' } }],
  ])('%i', async (status, expected) => {
    const { delivered, url } = await receiver((_request, response) =>
      response.writeHead(status, { location: '/elsewhere' }).end('whatever'),
    );
    const outcome = await channel().send(effectTo(url), noAbort());
    expect(outcome).toMatchObject(expected);
    expect(outcome).not.toHaveProperty('afterMs');
    expect(delivered.map((request) => request.url)).toEqual(['/']);
  });

  test.each([
    [429, '2', 2000],
    [503, '120', 120_000],
    [503, '0', 0],
    [429, '86400', 3_600_000],
    [503, '99999999999999999999', 3_600_000],
    [503, 'soon', undefined],
    [503, '-1', undefined],
    [503, '1.5', undefined],
  ])('%i with Retry-After %j asks for %p ms', async (status, retryAfter, afterMs) => {
    const { url } = await receiver((_request, response) => response.writeHead(status, { 'retry-after': retryAfter }).end());
    const outcome = await channel().send(effectTo(url), noAbort());
    expect(outcome).toMatchObject({ kind: 'retry' });
    expect('afterMs' in outcome ? outcome.afterMs : undefined).toBe(afterMs);
  });

  test('a Retry-After date counts from our clock, is never negative, and is at most an hour', async () => {
    const noon = Date.parse('2026-03-01T12:00:00Z');
    const ask = async (date: string) => {
      const { url } = await receiver((_request, response) => response.writeHead(503, { 'retry-after': date }).end());
      return channel({ clock: { ...clock, now: () => noon } }).send(effectTo(url), noAbort());
    };
    expect(await ask('Sun, 01 Mar 2026 12:01:30 GMT')).toMatchObject({ afterMs: 90_000 });
    expect(await ask('Sun, 01 Mar 2026 11:00:00 GMT')).toMatchObject({ afterMs: 0 });
    expect(await ask('Mon, 02 Mar 2026 12:00:00 GMT')).toMatchObject({ afterMs: 3_600_000 });
  });
});
