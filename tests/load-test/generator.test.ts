import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Client } from '../../load-test/client.js';
import { constantTimes, OpenLoop, poissonTimes } from '../../load-test/generator.js';
import type { Receiver } from '../../load-test/receiver.js';
import { now } from '../../load-test/stats.js';
import { seeded } from '../support/seeded.js';

const NOWHERE: Receiver = {
  address: (user, name) => ({ to: { webhook: `http://127.0.0.1:9/${user}/${name}` }, recipient: `http://127.0.0.1:9/${user}/${name}` }),
  poll: () => Promise.resolve([]),
  finish: () => Promise.resolve([]),
  end: () => Promise.resolve(),
};
const RECEIVERS = new Map([['webhook' as const, NOWHERE]]);

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Answers as the API does; the first requests only when `release` is called. */
async function serverOf(answer: (key: string, n: number) => { status: number; wait?: Promise<void> }) {
  const ids = new Map<string, string>();
  let n = 0;
  const server: Server = createServer((request, response) => {
    request.resume();
    const key = String(request.headers['idempotency-key']);
    const { status, wait } = answer(key, n);
    n += 1;
    void (wait ?? Promise.resolve()).then(() => {
      const known = ids.get(key);
      ids.set(key, known ?? `id-${ids.size}`);
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ notificationId: ids.get(key), idempotentHit: known !== undefined }));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new Client([`http://127.0.0.1:${(server.address() as AddressInfo).port}`]);
  closing.push(async () => {
    await client.close();
    server.closeAllConnections();
    server.close();
  });
  return client;
}

const stream = (times: Iterable<number>, repeatEvery = 0) => ({
  name: 's',
  times,
  userOf: (n: number) => `u${n % 3}`,
  channels: ['webhook' as const],
  repeatEvery,
});

describe('The open loop', () => {
  test('has as many arrivals as the rate says, at equal or at random distances of the same average', () => {
    expect([...constantTimes(12, 60_000)]).toHaveLength(720);
    expect([...constantTimes(4, 1000)]).toEqual([0, 250, 500, 750]);
    const random = seeded(7);
    const times = [...poissonTimes(100, 100_000, () => random.next())];
    expect(Math.abs(times.length - 10_000)).toBeLessThan(400);
    expect(times.every((at, n) => at >= (times[n - 1] ?? 0) && at < 100_000)).toBe(true);
  });

  test('sends on while the server answers nothing, and counts from the time that was intended', async () => {
    let release: () => void = () => {};
    const wait = new Promise<void>((resolve) => (release = resolve));
    let seen = 0;
    const client = await serverOf(() => {
      seen += 1;
      if (seen === 20) release();
      return { status: 202, wait };
    });
    const generator = new OpenLoop(client, 'run', RECEIVERS);
    const startedAt = now() + 20;
    await generator.play(stream(constantTimes(200, 100)), startedAt);
    // A client that waited for each answer would never have come to the twentieth.
    expect(generator.items).toHaveLength(20);
    expect(generator.items.map(({ intendedAt }) => Math.round(intendedAt - startedAt))).toEqual(
      Array.from({ length: 20 }, (_, n) => n * 5),
    );
    expect(generator.items.every(({ error, sentAt, intendedAt }) => error === null && sentAt >= intendedAt)).toBe(true);
    const [first] = generator.items;
    expect((first?.answeredAt ?? 0) - (first?.intendedAt ?? 0)).toBeGreaterThan(90);
  });

  test('sends every so many a second time under its key, at once or after the answer', async () => {
    const client = await serverOf(() => ({ status: 202 }));
    const generator = new OpenLoop(client, 'run', RECEIVERS);
    await generator.play(stream([0, 0, 0, 0, 0, 0, 0, 0], 4), now());
    const repeated = generator.items.filter(({ repeat }) => repeat !== null);
    expect(repeated.map(({ seq }) => seq)).toEqual([3, 7]);
    expect(repeated.map(({ repeat }) => repeat?.late)).toEqual([false, true]);
    expect(repeated.every(({ repeat, recordId }) => repeat?.recordId === recordId)).toBe(true);
    expect(new Set(generator.items.map(({ key }) => key)).size).toBe(8);
  });

  test('calls an error by its name, and asks again in the end where no answer came', async () => {
    const client = await serverOf((_key, n) => ({ status: n === 0 ? 429 : 202 }));
    const generator = new OpenLoop(client, 'run', RECEIVERS);
    await generator.play(stream([0]), now());
    expect(generator.items[0]).toMatchObject({ status: 429, error: 'http 429', recordId: null });
    const item = generator.items[0];
    if (item !== undefined) item.status = 0;
    await generator.settleUnanswered();
    expect(generator.items[0]).toMatchObject({ error: 'http 429', recordId: 'id-0' });
  });

  test('asks again where a 5xx left it open, and not where a 4xx said no', async () => {
    const client = await serverOf((_key, n) => ({ status: [503, 429][n] ?? 202 }));
    const generator = new OpenLoop(client, 'run', RECEIVERS);
    await generator.play(stream([0]), now());
    await generator.play(stream([0]), now());
    await generator.settleUnanswered();
    expect(generator.items.map(({ status, recordId }) => [status, recordId === null])).toEqual([
      [503, false],
      [429, true],
    ]);
  });
});
