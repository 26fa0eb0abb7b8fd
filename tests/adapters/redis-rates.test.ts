import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { RedisOptions } from '../../src/adapters/redis/redis.js';
import { createSystemChance } from '../../src/adapters/system/system-chance.js';
import type { Rates } from '../../src/ports/rates.js';
import type { OwnServer } from '../support/servers/own.js';
import { OWN_WAIT_MS, passed, type RedisStage, setRedisStage } from './redis-stage.js';

const chance = createSystemChance();
let stage: RedisStage;
let server: OwnServer;
const open: RedisStage['open'] = (options) => stage.open(options);

beforeAll(async () => {
  stage = await setRedisStage();
  server = stage.server;
});
afterEach(() => stage.clear());
afterAll(() => stage.end());

/** The contract of the rates: what the one of the pipeline promises, for all processes together. */
describe('The rate that processes share', () => {
  it('is not looked at where none is set', async () => {
    const { redis } = await open();
    expect(await redis.rates.take('p', undefined, false)).toBeNull();
    expect(await stage.admin.keys('*')).toEqual([]);
  });

  it('lets what may be saved up begin at once in all of them together, then gives each its turn in line', async () => {
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

  it('is kept by two of them that drain a backlog, each asking about twice', async () => {
    const both = [await open({ chance }), await open({ chance })];
    const perSecond = 50;
    const many = 150;
    // When the server let it go lies somewhere between the two, however busy this machine is.
    const went: { sentAt: number; answeredAt: number }[] = [];
    let asked = 0;
    const come = async (who: number, inLine: boolean): Promise<void> => {
      asked += 1;
      const sentAt = performance.now();
      const waitMs = await both[who % 2]?.redis.rates.take('p', perSecond, inLine);
      if (waitMs === null) {
        went.push({ sentAt, answeredAt: performance.now() });
        return;
      }
      await passed(Number(waitMs));
      return come(who, true);
    };
    await Promise.all(Array.from({ length: many }, (_, who) => come(who, false)));
    expect(went).toHaveLength(many);
    const tookMs = Math.max(...went.map(({ answeredAt }) => answeredAt)) - Math.min(...went.map(({ sentAt }) => sentAt));
    expect(tookMs).toBeGreaterThanOrEqual(((many - perSecond / 4) / perSecond) * 1000 - 20);
    for (const { sentAt: from } of went) {
      const within = went.filter(({ sentAt, answeredAt }) => sentAt >= from && answeredAt <= from + 1000).length;
      expect(within).toBeLessThanOrEqual(1.25 * perSecond + 1);
    }
    expect(asked).toBeLessThanOrEqual(many * 3);
  });

  it('is each provider’s own, and forgotten when it is full again', async () => {
    const { redis } = await open();
    await fill(redis.rates, 2);
    expect(await redis.rates.take('q', 2, false)).toBeNull();
    expect(await stage.admin.pttl('signalbox:rate:p')).toBeLessThanOrEqual(2000);
    expect(await stage.admin.pttl('signalbox:rate:q')).toBeGreaterThan(0);
  });

  it('goes back with the server’s clock, and makes nobody wait for the difference', async () => {
    const { redis } = await open();
    await fill(redis.rates, 2);
    const inAnHour = Date.now() + 3_600_000;
    await stage.admin.hset('signalbox:rate:p', 'at', inAnHour, 'line', inAnHour + 1000);
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
    // It has kept the line, which is longer by one now.
    expect(Number(await redis.rates.take('p', 2, false))).toBeLessThan(OWN_WAIT_MS);
  });

  it('goes by each one’s own when the server is killed under its calls: none fails, none is left', async () => {
    const { redis, until } = await open();
    const answers = Array.from({ length: 200 }, () => redis.rates.take('p', 10_000, false));
    const killed = server.kill();
    const all = await Promise.all([...answers, ...Array.from({ length: 200 }, () => redis.rates.take('p', 10_000, false))]);
    expect(all.every((answer) => answer === null || answer === OWN_WAIT_MS)).toBe(true);
    await killed;
    await server.start();
    await until('reconnected');
  });

  it('waits no longer than its time for a server that says nothing', async () => {
    const { redis, until } = await open({ answerMs: 1000 });
    await server.pause();
    const started = performance.now();
    expect(await redis.rates.take('p', 2, false)).toBe(OWN_WAIT_MS);
    expect(performance.now() - started).toBeLessThan(2000);
    // The connection is given up, and made anew once somebody is there again.
    await until('disconnected');
    await server.resume();
    await until('reconnected');
    expect(await redis.rates.take('p', 2, false)).toBeNull();
  });

  it('is asked only through the guard', async () => {
    const refuse: RedisOptions['guard'] = () => Promise.reject(new Error('open'));
    const { redis } = await open({ guard: refuse });
    expect(await redis.rates.take('p', 2, false)).toBe(OWN_WAIT_MS);
    await expect(redis.probe()).resolves.toBeUndefined();
    expect(await stage.admin.keys('*')).toEqual([]);
  });
});

/** Takes all that may begin at once; gives the first turn in line. */
async function fill(rates: Rates, perSecond: number): Promise<number> {
  for (;;) {
    const turn = await rates.take('p', perSecond, false);
    if (turn !== null) return turn;
  }
}
