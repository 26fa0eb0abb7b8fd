import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis as Client } from 'ioredis';
import { Arrivals } from '../../src/adapters/redis-streams/arrivals.js';
import { connect } from '../../src/adapters/redis-streams/connection.js';
import { Names } from '../../src/adapters/redis-streams/names.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import { eventually } from '../support/app.js';
import { type OwnServer, startOwn } from '../support/servers/own.js';

const names = new Names('', 'msg');
/** Longer than any test may take: whoever comes back before was called back. */
const LONG_MS = 120_000;

let server: OwnServer;
let made: Client[];
let arrivals: Arrivals;

beforeAll(async () => {
  server = await startOwn('redis');
});
beforeEach(() => {
  made = [];
  arrivals = new Arrivals(names, createSystemTimers(), (name) => {
    const client = connect({ url: server.uri, db: null, name, chance: { next: () => 1 }, answerMs: LONG_MS, gather: false });
    made.push(client);
    return client;
  });
  arrivals.reached(0, '0-0');
});
afterEach(() => arrivals.close());
afterAll(() => server.dispose());

const turns: Record<string, () => Promise<unknown>> = {
  'in the turn in which it began': () => Promise.resolve(),
  'before its connection has begun': async () => undefined,
  'while its connection is made': () => new Promise((resolve) => setImmediate(resolve)),
  'when it blocks': () => eventually(async () => (made[0]?.status === 'ready' ? true : null)),
};

describe('A wait for what arrives in a partition', () => {
  test.each(Object.keys(turns))('ends at once when it is cut short %s', async (when) => {
    const cut = new AbortController();
    const waiting = arrivals.next(0, LONG_MS, cut.signal);
    if (when !== 'in the turn in which it began') await turns[when]?.();
    cut.abort();
    await waiting;
    expect(arrivals.count()).toBe(0);
    await eventually(async () => (made.every(({ status }) => status === 'end') ? true : null));
  });

  test.each(Object.keys(turns))('ends at once when all is closed %s', async (when) => {
    const waiting = arrivals.next(0, LONG_MS, new AbortController().signal);
    if (when !== 'in the turn in which it began') await turns[when]?.();
    await arrivals.close();
    await waiting;
    expect(made.every(({ status }) => status === 'end')).toBe(true);
  });

  test('ends at once when it is cut short between two tries to connect', async () => {
    await server.kill();
    const cut = new AbortController();
    const waiting = arrivals.next(0, LONG_MS, cut.signal);
    await eventually(async () => (made[0]?.status === 'reconnecting' ? true : null));
    const again = arrivals.next(0, LONG_MS, cut.signal);
    cut.abort();
    await Promise.all([waiting, again]);
    await server.start();
  });

  test('ends with an entry, and later with the next one', async () => {
    const admin = new Client(server.uri);
    const stay = new AbortController();
    const first = arrivals.next(0, LONG_MS, stay.signal);
    const entry = await admin.xadd(names.of(0).stream, '*', 'body', '{}');
    await first;
    arrivals.reached(0, entry ?? '');
    const second = arrivals.next(0, LONG_MS, stay.signal);
    await admin.xadd(names.of(0).stream, '*', 'body', '{}');
    await second;
    admin.disconnect();
    expect(arrivals.count()).toBe(1);
  });
});
