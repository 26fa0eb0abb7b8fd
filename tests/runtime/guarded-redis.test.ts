import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import { createBreakers } from '../../src/pipeline/breaker.js';
import { guardRedis, SERVER_BREAKER } from '../../src/runtime/guarded.js';
import { OWN_WAIT_MS, type RedisStage, setRedisStage } from '../adapters/redis-stage.js';

const ANSWER_MS = 1000;

let stage: RedisStage;

beforeAll(async () => {
  stage = await setRedisStage();
});
afterEach(() => stage.clear());
afterAll(() => stage.end());

describe('A Redis that says nothing', () => {
  it('costs a few calls their time and no more, and is asked again when it answers', async () => {
    const states: string[] = [];
    const breakers = createBreakers(createSystemClock(), SERVER_BREAKER, (fact) => {
      if (fact.kind === 'breaker') states.push(fact.state);
    });
    const guard = guardRedis({ breakers, timers: createSystemTimers(), watch: () => undefined });
    const { redis, until } = await stage.open({ guard, answerMs: ANSWER_MS });
    await stage.server.pause();
    // All at once: they wait side by side.
    const first = Array.from({ length: SERVER_BREAKER.breakerFailures }, async () => redis.rates.take('p', 1000, false));
    expect(new Set(await Promise.all(first))).toEqual(new Set([OWN_WAIT_MS]));
    expect(states).toEqual(['open']);
    const startedAt = performance.now();
    for (let n = 0; n < 100; n += 1) expect(await redis.rates.take('p', 1000, false)).toBe(OWN_WAIT_MS);
    // But for a try now and then, nobody waits.
    expect(performance.now() - startedAt).toBeLessThan(10 * ANSWER_MS);
    await expect(redis.probe()).rejects.toThrow();
    await until('disconnected');
    await stage.server.resume();
    await until('reconnected');
    await expect(redis.probe()).resolves.toBeUndefined();
    let answer: number | null = OWN_WAIT_MS;
    for (let tries = 0; answer === OWN_WAIT_MS && tries < 100; tries += 1) {
      await new Promise((resolve) => createSystemTimers().after(50, () => resolve(null)));
      answer = await redis.rates.take('p', 1000, false);
    }
    expect(answer).toBeNull();
    expect(states.at(-1)).toBe('closed');
  });
});
