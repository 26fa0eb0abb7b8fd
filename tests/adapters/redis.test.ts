import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis as Client } from 'ioredis';
import { factsOf } from '../../src/adapters/redis/facts.js';
import { readNews } from '../../src/adapters/redis/news.js';
import { openRedis, type Redis, type RedisOptions } from '../../src/adapters/redis/redis.js';
import { createSystemChance } from '../../src/adapters/system/system-chance.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import type { NewsItem } from '../../src/ports/news.js';
import type { Rates } from '../../src/ports/rates.js';
import type { RequestLimit } from '../../src/ports/request-limit.js';
import { freePort, type RedisServer, startRedis } from './redis-server.js';

const timers = createSystemTimers();
const chance = createSystemChance();
/** Says by its answer that it was asked instead of the server. */
const OWN_WAIT_MS = 123_456;

let server: RedisServer;
let opened: { readonly redis: Redis; readonly events: string[]; until(event: string): Promise<void> }[] = [];
let admin: Client;

async function open(options: Partial<RedisOptions> = {}) {
  const events: string[] = [];
  const waiting = new Set<() => void>();
  const redis = await openRedis({
    url: server.url,
    name: 'worker 1',
    timers,
    chance: { next: () => 0 },
    fallback: { take: () => OWN_WAIT_MS },
    onConnection: (event) => {
      events.push(event);
      for (const look of waiting) look();
    },
    ...options,
  });
  const until = (event: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (events.at(-1) === event) resolve();
      };
      waiting.add(look);
      look();
    });
  const one = { redis, events, until };
  opened.push(one);
  return one;
}

const passed = (ms: number): Promise<void> => new Promise((resolve) => timers.after(ms, resolve));

beforeAll(async () => {
  server = await startRedis();
  admin = new Client(server.url);
  admin.on('error', () => undefined);
});

beforeEach(async () => {
  await admin.flushall();
});

afterEach(async () => {
  await Promise.all(opened.map(({ redis }) => redis.close()));
  opened = [];
});

afterAll(async () => {
  admin.disconnect();
  await server.kill();
});

/** The contract of the rates: what the one of the pipeline promises, for all processes together. */
describe('The rate that processes share', () => {
  it('is not looked at where none is set', async () => {
    const { redis } = await open();
    expect(await redis.rates.take('p', undefined, false)).toBeNull();
    expect(await admin.keys('*')).toEqual([]);
  });

  it('lets a second’s worth begin at once in all of them together, then gives each its turn in line', async () => {
    const [a, b] = [await open(), await open()];
    const answers: (number | null)[] = [];
    for (let n = 0; n < 8; n += 1) answers.push(await (n % 2 === 0 ? a : b).redis.rates.take('p', 2, false));
    const nulls = answers.filter((answer) => answer === null);
    expect(nulls).toHaveLength(2);
    const turns = answers.slice(2).map(Number);
    for (const [place, turn] of turns.entries()) {
      // The first waits for half a second less what has passed, each other one half a second longer than whoever is before.
      expect(turn).toBeGreaterThan((place + 1) * 500 - 400);
      expect(turn).toBeLessThanOrEqual((place + 1) * 500 + 1);
    }
    expect([...turns].sort((x, y) => x - y)).toEqual(turns);
  });

  it('puts newcomers of any process behind those who stand in line', async () => {
    const [a, b] = [await open(), await open()];
    const first = await fill(a.redis.rates, 5);
    const second = Number(await b.redis.rates.take('p', 5, false));
    expect(second).toBeGreaterThan(first);
    await passed(first);
    expect(Number(await b.redis.rates.take('p', 5, false))).toBeGreaterThan(200);
    expect(await a.redis.rates.take('p', 5, true)).toBeNull();
  });

  it('is kept by two of them that drain a backlog, in order, each asking about twice', async () => {
    const both = [await open({ chance }), await open({ chance })];
    const perSecond = 50;
    const many = 150;
    const went: { who: number; at: number }[] = [];
    let asked = 0;
    const start = performance.now();
    const come = async (who: number, inLine: boolean): Promise<void> => {
      asked += 1;
      const waitMs = await both[who % 2]?.redis.rates.take('p', perSecond, inLine);
      if (waitMs === null) {
        went.push({ who, at: performance.now() - start });
        return;
      }
      await passed(Number(waitMs));
      return come(who, true);
    };
    // One after the other, so that who came first is known.
    const coming: Promise<void>[] = [];
    for (let who = 0; who < many; who += 1) coming.push(come(who, false));
    await Promise.all(coming);
    const lastAt = Math.max(...went.map(({ at }) => at));
    expect(went).toHaveLength(many);
    // Whole milliseconds, a random share of a turn, and two loops that share a processor: the rate may run a little late, never early.
    expect(lastAt).toBeGreaterThanOrEqual(((many - perSecond) / perSecond) * 1000 - 20);
    for (const { at } of went) {
      const within = went.filter((other) => other.at > at - 1000 && other.at <= at).length;
      expect(within).toBeLessThanOrEqual(2 * perSecond + 2);
    }
    expect(asked).toBeLessThanOrEqual(many * 3);
  });

  it('is each provider’s own, and forgotten when it is full again', async () => {
    const { redis } = await open();
    await fill(redis.rates, 2);
    expect(await redis.rates.take('q', 2, false)).toBeNull();
    expect(await admin.pttl('signalbox:rate:p')).toBeLessThanOrEqual(2000);
    expect(await admin.pttl('signalbox:rate:q')).toBeGreaterThan(0);
  });

  it('goes back with the server’s clock, and makes nobody wait for the difference', async () => {
    const { redis } = await open();
    await fill(redis.rates, 2);
    const inAnHour = Date.now() + 3_600_000;
    await admin.hset('signalbox:rate:p', 'at', inAnHour, 'line', inAnHour + 1000);
    expect(Number(await redis.rates.take('p', 2, false))).toBeLessThanOrEqual(1500);
  });

  it('goes by each one’s own while the server is away, and is shared again when it is back', async () => {
    const { redis, until } = await open();
    await fill(redis.rates, 2);
    await server.kill();
    await until('disconnected');
    expect(await redis.rates.take('p', 2, false)).toBe(OWN_WAIT_MS);
    await server.start();
    await until('reconnected');
    expect(await redis.rates.take('p', 2, false)).toBeNull();
  });

  it('goes by each one’s own when the server is killed under its calls: none fails, none is left', async () => {
    const { redis, until } = await open();
    const answers = Array.from({ length: 200 }, () => redis.rates.take('p', 1000, false));
    const killed = server.kill();
    const all = await Promise.all([...answers, ...Array.from({ length: 200 }, () => redis.rates.take('p', 1000, false))]);
    expect(all.every((answer) => answer === null || answer === OWN_WAIT_MS)).toBe(true);
    await killed;
    await server.start();
    await until('reconnected');
  });

  it('waits no longer than its time for a server that says nothing', async () => {
    const { redis, until } = await open({ answerMs: 100 });
    server.freeze();
    const started = performance.now();
    expect(await redis.rates.take('p', 2, false)).toBe(OWN_WAIT_MS);
    expect(performance.now() - started).toBeLessThan(1000);
    // The connection is given up, and made anew once somebody is there again.
    await until('disconnected');
    server.thaw();
    await until('reconnected');
    expect(await redis.rates.take('p', 2, false)).toBeNull();
  });

  it('is asked only through the guard', async () => {
    const refuse: RedisOptions['guard'] = () => Promise.reject(new Error('open'));
    const { redis } = await open({ guard: refuse });
    expect(await redis.rates.take('p', 2, false)).toBe(OWN_WAIT_MS);
    await expect(redis.probe()).resolves.toBeUndefined();
    expect(await admin.keys('*')).toEqual([]);
  });
});

/** Takes all that may begin at once; gives the first turn in line. */
async function fill(rates: Rates, perSecond: number): Promise<number> {
  for (let n = 0; n < perSecond; n += 1) expect(await rates.take('p', perSecond, false)).toBeNull();
  const turn = await rates.take('p', perSecond, false);
  expect(turn).not.toBeNull();
  return Number(turn);
}

describe('News', () => {
  const OPEN: NewsItem = { kind: 'breaker', name: 'smtp', state: 'open', openMs: 500 };
  const ARRIVED: NewsItem = { kind: 'inbox', tenant: 'default', userId: 'u1' };

  /** Both hear, and are known to listen: what one tells has come to the other. */
  async function pair() {
    const [a, b] = [await open(), await open()];
    const heard = { a: [] as NewsItem[], b: [] as NewsItem[] };
    let arrived = (): void => undefined;
    a.redis.news.hear((item) => void heard.a.push(item));
    b.redis.news.hear((item) => {
      heard.b.push(item);
      arrived();
    });
    const listen = async (): Promise<void> => {
      for (let tries = 0; heard.b.length === 0; tries += 1) {
        if (tries > 100) throw new Error('nothing was heard');
        const heardIt = new Promise<void>((resolve) => (arrived = resolve));
        a.redis.news.tell(ARRIVED);
        await Promise.race([heardIt, passed(50)]);
      }
    };
    return { a, b, heard, listen };
  }

  it('comes to the others and never back to whoever told it', async () => {
    const { a, b, heard, listen } = await pair();
    await listen();
    heard.b.length = 0;
    const came = new Promise<void>((resolve) => b.redis.news.hear(() => resolve()));
    a.redis.news.tell(OPEN);
    await came;
    expect(heard.b).toEqual([OPEN]);
    expect(heard.a).toEqual([]);
  });

  it('is dropped while the server is away, and comes again when it is back', async () => {
    const { a, b, heard, listen } = await pair();
    await listen();
    await server.kill();
    await Promise.all([a.until('disconnected'), b.until('disconnected')]);
    heard.b.length = 0;
    expect(() => a.redis.news.tell(OPEN)).not.toThrow();
    await server.start();
    await Promise.all([a.until('reconnected'), b.until('reconnected')]);
    await listen();
    expect(heard.b).not.toContainEqual(OPEN);
  });

  it.each([
    ['not JSON', '{'],
    ['no object', '"open"'],
    ['one’s own', JSON.stringify({ from: 'me', item: OPEN })],
    ['of an unknown kind', JSON.stringify({ from: 'you', item: { kind: 'weather' } })],
    ['without its name', JSON.stringify({ from: 'you', item: { ...OPEN, name: 7 } })],
    ['of an unknown state', JSON.stringify({ from: 'you', item: { ...OPEN, state: 'ajar' } })],
    ['too long', JSON.stringify({ from: 'you', item: { ...OPEN, name: 'x'.repeat(5000) } })],
  ])('is ignored where it is %s', (_what, text) => {
    expect(readNews(text, 'me')).toBeNull();
    expect(readNews(JSON.stringify({ from: 'you', item: OPEN }), 'me')).toEqual(OPEN);
  });
});

describe('A limit of requests that processes share', () => {
  const OWN: RequestLimit = { take: async () => ({ allowed: true, remaining: 77, resetMs: 1 }) };

  it('counts over all of them, for each client', async () => {
    const [a, b] = [await open(), await open()];
    const limits = [await a.redis.requestLimit(3, OWN), await b.redis.requestLimit(3, OWN)];
    const verdicts = [];
    for (let n = 0; n < 5; n += 1) verdicts.push(await limits[n % 2]?.take('client'));
    expect(verdicts.map((verdict) => verdict?.allowed)).toEqual([true, true, true, false, false]);
    expect(verdicts.map((verdict) => verdict?.remaining)).toEqual([2, 1, 0, 0, 0]);
    expect(verdicts[4]?.resetMs).toBeGreaterThan(0);
    expect(await limits[0]?.take('another')).toMatchObject({ allowed: true, remaining: 2 });
  });

  it('goes by each one’s own count while the server is away', async () => {
    const { redis, until } = await open();
    const limit = await redis.requestLimit(1, OWN);
    await limit.take('client');
    await server.kill();
    await until('disconnected');
    expect(await limit.take('client')).toMatchObject({ allowed: true, remaining: 77 });
    await server.start();
    await until('reconnected');
    expect(await limit.take('client')).toMatchObject({ allowed: true, remaining: 0 });
  });
});

describe('A connection to Redis', () => {
  it('keeps nobody from starting while the server is away, and is made when it comes', async () => {
    await server.kill();
    const { redis, events, until } = await open();
    expect(events).toEqual(['disconnected']);
    await expect(redis.probe()).rejects.toThrow();
    expect(await redis.rates.take('p', 2, false)).toBe(OWN_WAIT_MS);
    await server.start();
    await until('connected');
    await expect(redis.probe()).resolves.toBeUndefined();
    expect(redis.connections()).toBe(2);
  });

  it('says where and why it fell, and never its credentials', async () => {
    const details: string[] = [];
    const port = await freePort();
    await open({
      url: `redis://app:topsecret@127.0.0.1:${port}`,
      onConnection: (event, detail) => void details.push(`${event} ${detail}`),
    });
    expect(details[0]).toMatch(new RegExp(`^disconnected 127\\.0\\.0\\.1:${port}: .*ECONNREFUSED`));
    expect(details.join()).not.toContain('topsecret');
  });

  it('tells what the server is set to, and what had better be set', async () => {
    const { redis } = await open();
    const facts = await redis.facts();
    expect(facts).toMatchObject({ maxMemory: 0, maxMemoryPolicy: 'noeviction', appendOnly: false });
    expect(facts.version).toMatch(/^\d+\.\d+/);
    expect(facts.warnings.join()).toMatch(/maxmemory.*appendonly/);
    expect(factsOf('maxmemory:1000\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:1\r\n').warnings).toEqual([
      expect.stringContaining('allkeys-lru'),
    ]);
    expect(factsOf('maxmemory:1000\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n').warnings).toEqual([]);
  });
});
