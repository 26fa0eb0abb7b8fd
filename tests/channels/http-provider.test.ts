import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { HttpProviderOptions } from '../../src/channels/http-provider.js';
import { pushChannel } from '../../src/channels/push.js';
import { smsChannel } from '../../src/channels/sms.js';
import { clock, effectTo, noAbort, timers, unusedPort } from './fixtures.js';
import { startRawReceiver, startReceiver } from './webhook-receivers.js';

const PHONE = '+351912345678';

const cleanups: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function make(channel: 'sms' | 'push', url: string, options: Partial<HttpProviderOptions & { from: string | null }> = {}) {
  const all = { clock, timers, endpoint: () => url, token: 's3cret', effectClass: 'neither' as const, headersTimeoutMs: 300, ...options };
  const made = channel === 'sms' ? smsChannel({ from: null, ...all }) : pushChannel(all);
  cleanups.push(() => made.close());
  return made;
}

async function provider(answer: RequestListener) {
  const started = await startReceiver(answer);
  cleanups.push(started.stop);
  return started;
}

async function rawProvider(answer: string | null, thenCut = false) {
  const started = await startRawReceiver(answer, thenCut);
  cleanups.push(started.stop);
  return started;
}

const answering = (body: string, type = 'application/json'): Promise<{ url: string }> =>
  provider((_request, response) => response.writeHead(200, { 'content-type': type }).end(body));

describe('What a provider is told', () => {
  test('an SMS: number, sender, text and reference; the key, the credential and the correlation in headers', async () => {
    const { delivered, url } = await provider((_request, response) => response.writeHead(202).end());
    const channel = make('sms', `${url}/v1/messages?account=7`, { from: 'Signalbox' });
    expect(await channel.send(effectTo(PHONE), noAbort())).toEqual({ kind: 'done' });
    const [request] = delivered;
    expect(request?.url).toBe('/v1/messages?account=7');
    expect(JSON.parse(request?.body ?? '')).toEqual({
      to: PHONE,
      from: 'Signalbox',
      text: 'It left the warehouse at 9.',
      ref: 'op-0123456789abcdef',
    });
    expect(request?.headers).toMatchObject({
      'idempotency-key': 'op-0123456789abcdef',
      authorization: 'Bearer s3cret',
      'content-type': 'application/json',
      'x-request-id': 'req-77',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
  });

  test('a push notification: token, title, body, data and reference', async () => {
    const { delivered, url } = await provider((_request, response) => response.writeHead(200).end());
    await make('push', url, { token: null }).send(effectTo('device-1'), noAbort());
    expect(JSON.parse(delivered[0]?.body ?? '')).toEqual({
      token: 'device-1',
      title: 'Your order has shipped',
      body: 'It left the warehouse at 9.',
      data: { order: 42 },
      ref: 'op-0123456789abcdef',
    });
    expect(delivered[0]?.headers).not.toHaveProperty('authorization');
  });

  test('the same bytes at every attempt', async () => {
    const { delivered, url } = await provider((_request, response) => response.writeHead(503).end());
    const channel = make('sms', url);
    await channel.send(effectTo(PHONE, { attempt: 1 }), noAbort());
    await channel.send(effectTo(PHONE, { attempt: 2 }), noAbort());
    expect(delivered[1]?.body).toBe(delivered[0]?.body);
  });

  test('a text of 1600 characters is an SMS, and one more is none: nobody is asked', async () => {
    const { delivered, url } = await provider((_request, response) => response.writeHead(200).end());
    const channel = make('sms', url);
    expect(await channel.send(effectTo(PHONE, { body: '😀'.repeat(1600) }), noAbort())).toEqual({ kind: 'done' });
    const tooLong = await channel.send(effectTo(PHONE, { body: 'x'.repeat(1601) }), noAbort());
    expect(tooLong).toEqual({
      kind: 'dead',
      failure: { code: 'sms_too_long', message: 'The text has 1601 characters; an SMS takes 1600' },
    });
    expect(delivered).toHaveLength(1);
  });
});

describe('What a provider’s status means', () => {
  test.each([
    ['sms', 200, { kind: 'done' }],
    ['sms', 201, { kind: 'done' }],
    ['sms', 302, { kind: 'dead', failure: { code: 'redirect' } }],
    ['sms', 400, { kind: 'dead', failure: { code: 'http_400' } }],
    ['sms', 401, { kind: 'dead', failure: { code: 'http_401' } }],
    ['sms', 404, { kind: 'dead', failure: { code: 'http_404' } }],
    ['sms', 429, { kind: 'retry', throttled: true, afterMs: 7000, failure: { code: 'http_429' } }],
    ['sms', 500, { kind: 'retry', failure: { code: 'http_500' } }],
    ['sms', 502, { kind: 'unknown', failure: { code: 'http_502' } }],
    ['sms', 503, { kind: 'retry', afterMs: 7000, failure: { code: 'http_503' } }],
    ['sms', 504, { kind: 'unknown', failure: { code: 'http_504' } }],
    ['push', 200, { kind: 'done' }],
    ['push', 400, { kind: 'dead', failure: { code: 'http_400' } }],
    ['push', 404, { kind: 'dead', failure: { code: 'push_token_gone' } }],
    ['push', 410, { kind: 'dead', failure: { code: 'push_token_gone' } }],
    ['push', 429, { kind: 'retry', throttled: true, failure: { code: 'http_429' } }],
    ['push', 500, { kind: 'retry', failure: { code: 'http_500' } }],
  ] as const)('%s %i', async (channel, status, expected) => {
    const { delivered, url } = await provider((_request, response) =>
      response.writeHead(status, { 'retry-after': '7', location: '/elsewhere' }).end('whatever'),
    );
    expect(await make(channel, url).send(effectTo(PHONE), noAbort())).toMatchObject(expected);
    expect(delivered).toHaveLength(1);
  });
});

describe('The provider’s own id', () => {
  test.each([
    ['{"id":"SM123"}', 'SM123'],
    ['{"messageId":"0f8b-1@eu"}', '0f8b-1@eu'],
    ['{"sid":"MM/9=="}', 'MM/9=='],
    ['{"id":7,"sid":"x"}', 'x'],
    ['{"id":"with a blank"}', undefined],
    [JSON.stringify({ id: 'x'.repeat(201) }), undefined],
    ['{"data":{"id":"deep"}}', undefined],
    ['[]', undefined],
    ['null', undefined],
    ['{"id":', undefined],
    ['OK', undefined],
    ['', undefined],
  ])('in %s is %s', async (body, receipt) => {
    const { url } = await answering(body);
    expect(await make('sms', url).send(effectTo(PHONE), noAbort())).toEqual({
      kind: 'done',
      ...(receipt === undefined ? {} : { receipt }),
    });
  });

  test('is not waited for when the answer is too long, or is cut off: the status stands', async () => {
    const { url } = await answering(JSON.stringify({ id: 'late', padding: 'x'.repeat(100_000) }));
    expect(await make('sms', url).send(effectTo(PHONE), noAbort())).toEqual({ kind: 'done' });
    const cut = await rawProvider('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"id":', true);
    expect(await make('sms', cut.url).send(effectTo(PHONE), noAbort())).toEqual({ kind: 'done' });
  });
});

describe('When no status comes', () => {
  test('a silent provider may have acted: unknown', async () => {
    const { url } = await rawProvider(null);
    expect(await make('sms', url).send(effectTo(PHONE), noAbort())).toMatchObject({ kind: 'unknown', failure: { code: 'sms_timeout' } });
  });

  test('so may one that hangs up: unknown', async () => {
    const { url } = await rawProvider('', true);
    expect(await make('push', url).send(effectTo(PHONE), noAbort())).toMatchObject({
      kind: 'unknown',
      failure: { code: 'push_reply_lost' },
    });
  });

  test('one that nobody listens for has not: again', async () => {
    const url = `http://127.0.0.1:${await unusedPort()}/`;
    expect(await make('sms', url).send(effectTo(PHONE), noAbort())).toMatchObject({ kind: 'retry', failure: { code: 'sms_unreachable' } });
  });

  test('one called off before it began has not, and one called off after it may have', async () => {
    const { signals, url } = await rawProvider(null);
    const channel = make('sms', url, { headersTimeoutMs: 10_000 });
    const before = new AbortController();
    before.abort();
    expect(await channel.send(effectTo(PHONE), before.signal)).toMatchObject({ kind: 'retry', failure: { code: 'aborted' } });
    const after = new AbortController();
    const sending = channel.send(effectTo(PHONE), after.signal);
    await signals.raised('request');
    after.abort();
    expect(await sending).toMatchObject({ kind: 'unknown', failure: { code: 'aborted' } });
    await signals.raised('closed');
  });
});

test('A breaker tells the two channels apart, even behind one host', () => {
  const [sms, push] = [make('sms', 'https://api.example.org/sms'), make('push', 'https://api.example.org/push')];
  expect([sms.provider(PHONE), push.provider('device-1')]).toEqual(['sms:api.example.org', 'push:api.example.org']);
});
