import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { factsOf } from '../../src/adapters/redis/facts.js';
import { readNews } from '../../src/adapters/redis/news.js';
import type { NewsItem } from '../../src/ports/news.js';
import type { RequestLimit } from '../../src/ports/request-limit.js';
import type { OwnServer } from '../support/servers/own.js';
import { freePorts } from '../support/servers/ports.js';
import { OWN_WAIT_MS, passed, type RedisStage, setRedisStage } from './redis-stage.js';

let stage: RedisStage;
let server: OwnServer;
const open: RedisStage['open'] = (options) => stage.open(options);

beforeAll(async () => {
  stage = await setRedisStage();
  server = stage.server;
});
afterEach(() => stage.clear());
afterAll(() => stage.end());

describe('News', () => {
  const OPEN: NewsItem = { kind: 'breaker', name: 'smtp', state: 'open', openMs: 500 };
  const RECEIPT: NewsItem = {
    kind: 'receipt',
    tenant: 't',
    conversationId: 'c',
    messageId: 'm',
    userId: 'u',
    state: 'read',
    at: 5,
  };
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
    ['a receipt of a state that there is not', JSON.stringify({ from: 'you', item: { ...RECEIPT, state: 'eaten' } })],
    ['a receipt of nobody', JSON.stringify({ from: 'you', item: { ...RECEIPT, userId: 7 } })],
    ['too long', JSON.stringify({ from: 'you', item: { ...OPEN, name: 'x'.repeat(5000) } })],
  ])('is ignored where it is %s', (_what, text) => {
    expect(readNews(text, 'me')).toBeNull();
    for (const item of [OPEN, RECEIPT]) expect(readNews(JSON.stringify({ from: 'you', item }), 'me')).toEqual(item);
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
    const limit = await redis.requestLimit(2, OWN);
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
    const [port] = await freePorts(1);
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
    expect(facts).toMatchObject({ maxMemoryPolicy: 'noeviction', appendOnly: true, warnings: [] });
    expect(facts.version).toMatch(/^\d+\.\d+/);
    expect(facts.maxMemory).toBeGreaterThan(0);
    expect(factsOf('maxmemory:0\r\nmaxmemory_policy:noeviction\r\naof_enabled:0\r\n').warnings.join()).toMatch(/maxmemory.*appendonly/);
    expect(factsOf('maxmemory:1000\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:1\r\n').warnings).toEqual([
      expect.stringContaining('allkeys-lru'),
    ]);
  });
});
