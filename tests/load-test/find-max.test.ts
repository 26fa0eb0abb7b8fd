import { describe, expect, test } from '@jest/globals';
import { held, highestRate } from '../../load-test/find-max.js';
import { fatesOf, figuresOf, ledgerOf } from '../../load-test/measure.js';
import { goodRun } from './fixtures.js';

/** Asks for the highest rate of something that holds up to `limit`; `tried` in order. */
async function found(from: number, limit: number) {
  const tried: number[] = [];
  const rate = await highestRate(from, async (one) => {
    tried.push(one);
    return one <= limit;
  });
  return { rate, tried };
}

describe('The highest rate', () => {
  test('is found by doubling and closing in, to within a tenth', async () => {
    const { rate, tried } = await found(50, 730);
    expect(tried.slice(0, 5)).toEqual([50, 100, 200, 400, 800]);
    expect(rate).toBeLessThanOrEqual(730);
    expect(rate).toBeGreaterThan(730 / 1.1);
    expect(tried.length).toBeLessThanOrEqual(10);
  });

  test('is looked for below, where the first does not hold', async () => {
    const { rate, tried } = await found(50, 7);
    expect(tried.slice(0, 4)).toEqual([50, 25, 13, 6.5]);
    expect(rate).toBeGreaterThan(7 / 1.1);
    expect(rate).toBeLessThanOrEqual(7);
  });

  test('ends where nothing holds, and where everything does', async () => {
    expect((await found(50, 0)).rate).toBeNull();
    const { rate, tried } = await found(50, Number.POSITIVE_INFINITY);
    expect(rate).toBe(12_800);
    expect(tried).toHaveLength(9);
  });
});

describe('A rate holds', () => {
  const figures = () => {
    const run = goodRun();
    return figuresOf(run, fatesOf(run), ledgerOf(run));
  };

  test('when all came through in time', () => {
    expect(held({ figures: figures() })).toBe(true);
  });

  test.each([
    ['late', { latency: { ...figures().latency, p99: 500 } }],
    ['slower than offered', { deliveredPerSecond: 9.4 }],
    ['lost', { lost: 1 }],
    ['doubled', { duplicates: 1 }],
    ['refused', { errorRate: 0.001 }],
    ['wrong by the ledger', { violations: { LOST: 1 } }],
  ])('and not when something is %s', (_what, change) => {
    expect(held({ figures: { ...figures(), ...change } })).toBe(false);
  });
});
