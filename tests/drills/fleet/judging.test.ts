import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { seeded } from '../../support/seeded.js';
import { until } from '../stage.js';
import { Balancer } from './balancer.js';
import { staleWrites, type ToldEvent } from './evidence.js';
import { offer, startLoad } from './load.js';
import { metricsIn } from './member.js';
import { recoveriesOf } from './recovery.js';

const event = (name: string, actor: string, token?: number): ToldEvent => ({
  at: '2026-01-01T00:00:00.000Z',
  name,
  rule: name,
  actor,
  detail: token === undefined ? {} : { token },
});

const stale = (...events: readonly ToldEvent[]): readonly string[] => staleWrites(new Map([['r', events]]), new Set(['w1', 'w2']));

describe('A history shows a stale write', () => {
  const claimed = [event('claimed', 'w1', 1), event('attempted', 'w1'), event('fenced', 'w2', 1), event('claimed', 'w2', 2)];

  test('where a worker writes after another has claimed the record', () => {
    expect(stale(...claimed, event('delivered', 'w1'))).toEqual(['r: w1 wrote "delivered" while w2 held the record']);
  });

  test('where a token comes back', () => {
    expect(stale(...claimed, event('claimed', 'w1', 1))).toEqual(['r: w1 wrote under token 1 after token 2']);
  });

  test('and none where the holder alone writes, or somebody who is no worker', () => {
    expect(stale(...claimed, event('cancel-requested', 'api-1'), event('delivered', 'w2'))).toEqual([]);
  });
});

describe('Metrics', () => {
  test('are summed over their labels, and names that begin alike are not mixed up', () => {
    const metric = metricsIn('# HELP x y\nx_total{how="ack"} 3\nx_total{how="release"} 4\nx_total_more 9\ny 2.5\n');
    expect([metric('x_total'), metric('x_total', 'how="ack"'), metric('y'), metric('none')]).toEqual([7, 3, 2.5, 0]);
  });
});

/** An API that answers as it is told, and what it was asked. */
async function api(answer: () => { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }) {
  const keys: string[] = [];
  const server = createServer((request, response) => {
    keys.push(String(request.headers['idempotency-key']));
    const { status, headers = {}, body = '{}' } = answer();
    request.resume().once('end', () => response.writeHead(status, headers).end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = (): void => void server.close().closeAllConnections();
  return { url, keys, close };
}

describe('The balancer', () => {
  test('asks the next API under the same key where one is gone or answers 503, and no other after an answer', async () => {
    const away = await api(() => ({ status: 200 }));
    away.close();
    const busy = await api(() => ({ status: 503, headers: { 'retry-after': '1' } }));
    const good = await api(() => ({ status: 202 }));
    const balancer = new Balancer(() => [good.url, away.url, busy.url]);
    try {
      const tries = await balancer.post('/', { 'idempotency-key': 'k' }, '');
      expect(tries.map(({ status }) => status)).toEqual([0, 503, 202]);
      expect([...busy.keys, ...good.keys]).toEqual(['k', 'k']);
    } finally {
      balancer.close();
      busy.close();
      good.close();
    }
  });
});

describe('The load', () => {
  test('counts what the balancer hides, and sees each offer through under its key', async () => {
    let refusals = 2;
    const only = await api(() => {
      refusals -= 1;
      if (refusals === 1) return { status: 503, headers: { 'retry-after': '0' } };
      if (refusals === 0) return { status: 503 };
      return { status: 202, body: '{"notificationId":"n"}' };
    });
    const sinkUrl = 'http://127.0.0.1:9';
    const load = startLoad({
      rate: 1000,
      seeded: seeded(1),
      run: 'test',
      urls: () => [only.url],
      sinkUrl,
      offerOf: (index, on) => {
        load.pace(0);
        return offer(index, 'webhook', on);
      },
    });
    try {
      while (load.counts().offered === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      await load.stop();
      const counts = load.counts();
      expect(counts).toMatchObject({ accepted: counts.offered, unavailable: 2, withoutRetryAfter: 1, failedRequests: 2, wrong: 0 });
      expect(new Set(only.keys).size).toBe(counts.offered);
      expect(load.offers.every(({ recordId }) => recordId === 'n')).toBe(true);
    } finally {
      only.close();
    }
  });

  test('sends nothing of a lane before the one before is answered, and knows the order in which it sent', async () => {
    const under = new Map<string, number>();
    let most = 0;
    const slow = createServer((request, response) => {
      const lane = String(request.headers['idempotency-key']).split('-')[0] ?? '';
      under.set(lane, (under.get(lane) ?? 0) + 1);
      most = Math.max(most, ...under.values());
      request.resume().once('end', () =>
        setImmediate(() => {
          under.set(lane, (under.get(lane) ?? 0) - 1);
          response.writeHead(202).end('{"messageId":"m"}');
        }),
      );
    });
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    const load = startLoad({
      rate: 10_000,
      seeded: seeded(1),
      run: 'test',
      urls: () => [url],
      sinkUrl: '',
      accepts: { path: '/', idField: 'messageId' },
      offerOf: (index) => {
        if (index === 60) load.pace(0);
        const lane = index % 2 === 0 ? 'even' : 'odd';
        return { key: `${lane}-${index}`, body: String(index), expected: [], lane };
      },
    });
    try {
      await until(5_000, async () => load.counts().offered > 60);
      await load.stop();
      expect(most).toBe(1);
      const even = load.offers.map(({ body }) => Number(body)).filter((index) => index % 2 === 0);
      expect(even).toEqual(even.map((_, n) => 2 * n));
      expect(load.offers.every(({ recordId }) => recordId === 'm')).toBe(true);
    } finally {
      slow.close().closeAllConnections();
    }
  });
});

describe('How long a fault is felt', () => {
  const fault = { name: 'f', from: 100, to: 200, drainedWithinMs: null };

  test('is until the last of what it had hit is at rest, and not of what was over before or came later', () => {
    const waited = [
      { since: 50, settledAt: 90 },
      { since: 50, settledAt: 250 },
      { since: 150, settledAt: 400 },
      { since: 300, settledAt: 900 },
      { since: 60, settledAt: null },
    ];
    expect(recoveriesOf([fault], waited, [400, 90, 250])).toEqual([{ firstEffectMs: 50, drainedMs: 200, hit: 2 }]);
    expect(recoveriesOf([fault], [], [])).toEqual([{ firstEffectMs: null, drainedMs: null, hit: 0 }]);
  });
});
