import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { type WebhookChannelOptions, webhookChannel } from '../../src/channels/webhook.js';
import { clock, effectTo, noAbort, OTHER_SECRET, SECRET, Signals, startRawServer, timers, unusedPort } from './fixtures.js';

const cleanups: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function channel(options: Partial<WebhookChannelOptions> = {}) {
  const made = webhookChannel({ clock, timers, secrets: [SECRET], allow: ['127.0.0.0/8'], ...options });
  cleanups.push(() => made.close());
  return made;
}

interface Delivered {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver over HTTP that keeps what it gets and answers with `answer`. */
async function receiver(answer: RequestListener) {
  const delivered: Delivered[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.once('end', () => {
      delivered.push({ url: request.url ?? '', headers: request.headers, body });
      answer(request, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { delivered, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A receiver that speaks raw bytes once a request is there. `signals`: `request`, `closed`. */
async function rawReceiver(answer: string | Buffer | null, thenCut = false) {
  const signals = new Signals();
  const server = await startRawServer((socket) => {
    socket.once('data', () => {
      signals.raise('request');
      if (answer !== null) socket.write(answer);
      if (thenCut) socket.end();
    });
    socket.once('close', () => signals.raise('closed'));
  });
  cleanups.push(() => server.stop());
  return { signals, server, url: `http://127.0.0.1:${server.port}/hook` };
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
