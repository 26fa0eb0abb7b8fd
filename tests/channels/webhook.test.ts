import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { type WebhookChannelOptions, webhookChannel } from '../../src/channels/webhook.js';
import { clock, effectTo, noAbort, OTHER_SECRET, SECRET, Signals, timers, unusedPort } from './fixtures.js';
import { startRawReceiver, startReceiver } from './webhook-receivers.js';

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

async function rawReceiver(answer: string | null, thenCut = false) {
  const started = await startRawReceiver(answer, thenCut);
  cleanups.push(started.stop);
  return started;
}

describe('The request', () => {
  test('is signed so that the Standard Webhooks library accepts it', async () => {
    const { delivered, url } = await receiver((_request, response) => response.end());
    expect(await channel().send(effectTo(`${url}/hooks/a?b=c`), noAbort())).toEqual({ kind: 'done' });
    const [got] = delivered;
    const payload = new Webhook(SECRET).verify(got?.body ?? '', got?.headers as Record<string, string>);
    expect(payload).toEqual({
      type: 'notification',
      id: 'ntf-1',
      timestamp: '2025-12-01T09:00:00.000Z',
      data: { subject: 'Your order has shipped', body: 'It left the warehouse at 9.', data: { order: 42 }, category: 'orders' },
    });
    expect(got?.url).toBe('/hooks/a?b=c');
    expect(got?.headers).toMatchObject({
      'webhook-id': 'op-0123456789abcdef',
      'content-type': 'application/json',
      'x-request-id': 'req-77',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
  });

  test('is accepted by receivers with the old and with the new secret while they change over', async () => {
    const { delivered, url } = await receiver((_request, response) => response.end());
    await channel({ secrets: [OTHER_SECRET, SECRET] }).send(effectTo(url), noAbort());
    const [got] = delivered;
    for (const secret of [SECRET, OTHER_SECRET]) {
      expect(() => new Webhook(secret).verify(got?.body ?? '', got?.headers as Record<string, string>)).not.toThrow();
    }
    const stranger = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
    expect(() => new Webhook(stranger).verify(got?.body ?? '', got?.headers as Record<string, string>)).toThrow('No matching signature');
  });

  test('has the same id and the same body, byte for byte, over all attempts', async () => {
    const { delivered, url } = await receiver((_request, response) => response.end());
    const sender = channel();
    await sender.send(effectTo(url, { attempt: 1 }), noAbort());
    await sender.send(effectTo(url, { attempt: 2 }), noAbort());
    const [first, second] = delivered;
    expect(second?.body).toBe(first?.body);
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
  });

  test('leaves out correlation that would break a header', async () => {
    const { delivered, url } = await receiver((_request, response) => response.end());
    const correlation = { requestId: 'a\r\nx-evil: 1', traceparent: 'b\nx-evil: 1' };
    expect(await channel().send(effectTo(url, { correlation }), noAbort())).toEqual({ kind: 'done' });
    expect(Object.keys(delivered[0]?.headers ?? {})).not.toEqual(expect.arrayContaining(['x-evil']));
  });

  test('is not made without a secret', () => {
    expect(() => channel({ secrets: [] })).toThrow('at least one secret');
  });

  test.each([
    ['http://hooks.example.com/a', 'hooks.example.com:80'],
    ['https://hooks.example.com/a', 'hooks.example.com:443'],
    ['https://HOOKS.example.com:8443/a', 'hooks.example.com:8443'],
    ['nonsense', 'invalid'],
  ])('to %s is guarded by the breaker %s', (url, name) => {
    expect(channel().provider(url)).toBe(name);
  });
});

describe('A failure before the request was begun is retried', () => {
  const UNREACHABLE = { kind: 'retry', failure: { code: 'webhook_unreachable' } };

  test('when nobody listens', async () => {
    expect(await channel().send(effectTo(`http://127.0.0.1:${await unusedPort()}/`), noAbort())).toMatchObject(UNREACHABLE);
  });

  test('when the name does not resolve', async () => {
    const resolve = () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
    expect(await channel({ resolve }).send(effectTo('https://nowhere.example/'), noAbort())).toMatchObject(UNREACHABLE);
  });

  test('when the name has no addresses', async () => {
    expect(await channel({ resolve: async () => [] }).send(effectTo('https://nowhere.example/'), noAbort())).toMatchObject(UNREACHABLE);
  });

  test('when the resolver does not answer', async () => {
    const sender = channel({ resolve: () => new Promise(() => {}), connectTimeoutMs: 50 });
    expect(await sender.send(effectTo('https://slow.example/'), noAbort())).toMatchObject(UNREACHABLE);
  });

  test('when the receiver speaks no TLS', async () => {
    const { url } = await receiver((_request, response) => response.end());
    expect(await channel().send(effectTo(url.replace('http:', 'https:')), noAbort())).toMatchObject(UNREACHABLE);
  });
});

describe('A failure after the request was begun proves nothing', () => {
  test('when the receiver never answers', async () => {
    const { url } = await rawReceiver(null);
    const outcome = await channel({ headersTimeoutMs: 50 }).send(effectTo(url), noAbort());
    expect(outcome).toMatchObject({ kind: 'unknown', failure: { code: 'webhook_timeout' } });
  });

  test.each([
    ['when the connection is cut instead of an answer', ''],
    ['when the answer is cut in its status line', 'HTTP/1.1 20'],
    ['when the answer is cut in its header', 'HTTP/1.1 200 OK\r\ncontent-le'],
    ['when the answer is no HTTP', '200 fine, thanks\r\n\r\n'],
    ['when the answer only promises one', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ])('%s', async (_title, answer) => {
    const { url } = await rawReceiver(answer, true);
    expect(await channel().send(effectTo(url), noAbort())).toMatchObject({ kind: 'unknown', failure: { code: 'webhook_reply_lost' } });
  });
});

describe('The signal ends the call at once', () => {
  test('before it began, without connecting', async () => {
    const { server, url } = await rawReceiver(null);
    expect(await channel().send(effectTo(url), AbortSignal.abort())).toMatchObject({ kind: 'retry', failure: { code: 'aborted' } });
    expect(server.connections()).toBe(0);
  });

  test('while the name is being resolved, and the request is never made', async () => {
    const signals = new Signals();
    const { server } = await rawReceiver(null);
    let answer: (addresses: string[]) => void = () => {};
    const resolve = () => {
      signals.raise('asked');
      return new Promise<string[]>((done) => {
        answer = done;
      });
    };
    const sender = channel({ resolve });
    const controller = new AbortController();
    const sending = sender.send(effectTo(`http://slow.example:${server.port}/`), controller.signal);
    await signals.raised('asked');
    controller.abort();
    expect(await sending).toMatchObject({ kind: 'retry', failure: { code: 'aborted' } });
    answer(['127.0.0.1']);
    await sender.close();
  });

  test('while the receiver is silent, and says that it may have happened', async () => {
    const { signals, url } = await rawReceiver(null);
    const controller = new AbortController();
    const sending = channel().send(effectTo(url), controller.signal);
    await signals.raised('request');
    controller.abort();
    expect(await sending).toMatchObject({ kind: 'unknown', failure: { code: 'aborted' } });
    await signals.raised('closed');
  });

  test('for a request that waits behind another for a connection, which is then never made', async () => {
    const { signals, url } = await rawReceiver(null);
    const sender = channel({ connectionsPerHost: 1 });
    const first = new AbortController();
    const busy = sender.send(effectTo(url), first.signal);
    await signals.raised('request');
    const second = new AbortController();
    const waiting = sender.send(effectTo(url), second.signal);
    second.abort();
    expect(await waiting).toMatchObject({ kind: 'retry', failure: { code: 'aborted' } });
    first.abort();
    expect(await busy).toMatchObject({ kind: 'unknown' });
    await sender.close();
    expect(signals.count('request')).toBe(1);
  });
});

describe('Many at a time', () => {
  test('share a few connections and each gets its own answer', async () => {
    const { delivered, url } = await receiver((request, response) => response.writeHead(request.url?.endsWith('7') ? 503 : 200).end());
    const sender = channel({ connectionsPerHost: 4 });
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) => sender.send(effectTo(`${url}/${index}`, { operationId: `op-${index}` }), noAbort())),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array.from({ length: 50 }, (_, index) => (index % 10 === 7 ? 'retry' : 'done')));
    expect(new Set(delivered.map(({ headers }) => headers['webhook-id'])).size).toBe(50);
  });

  test('all learn that nobody listens', async () => {
    const sender = channel({ connectionsPerHost: 2 });
    const url = `http://127.0.0.1:${await unusedPort()}/`;
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => sender.send(effectTo(url), noAbort())));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['retry']));
  });

  test('are called off when the channel is closed, those on the wire as unknown', async () => {
    const { signals, url } = await rawReceiver(null);
    const sender = channel({ connectionsPerHost: 1 });
    const sending = [sender.send(effectTo(url), noAbort()), sender.send(effectTo(url), noAbort())];
    await signals.raised('request');
    await sender.close();
    expect((await Promise.all(sending)).map(({ kind }) => kind)).toEqual(['unknown', 'retry']);
    expect(await sender.send(effectTo(url), noAbort())).toMatchObject({ kind: 'retry' });
  });
});

describe('The body of an answer', () => {
  test('that never ends costs the connection, not the outcome', async () => {
    const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
    const flood = `10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(4);
    const { signals, url } = await rawReceiver(head + flood);
    expect(await channel().send(effectTo(url), noAbort())).toEqual({ kind: 'done' });
    await signals.raised('closed');
  });

  test('that does not come is not waited for', async () => {
    const { url } = await rawReceiver('HTTP/1.1 202 Accepted\r\ncontent-length: 10\r\n\r\n');
    expect(await channel().send(effectTo(url), noAbort())).toEqual({ kind: 'done' });
  });

  test('that is cut off changes nothing about its status', async () => {
    const { url } = await rawReceiver('HTTP/1.1 503 Busy\r\ncontent-length: 10\r\nretry-after: 3\r\n\r\nBus', true);
    expect(await channel().send(effectTo(url), noAbort())).toMatchObject({ kind: 'retry', failure: { code: 'http_503' }, afterMs: 3000 });
  });
});
