import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { backoffMs } from '../../src/pipeline/retry.js';

const BOUNDS = { backoffMs: 5000, backoffMaxMs: 300_000 };
const always = (value: number) => ({ next: () => value });

describe('The wait before a retry', () => {
  it('lies between nothing and the exponential bound, which itself is bounded', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.double({ min: 0, max: 0.999999, noNaN: true }), (failures, chance) => {
        const wait = backoffMs(failures, BOUNDS, always(chance));
        expect(Number.isInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThan(Math.min(BOUNDS.backoffMaxMs, BOUNDS.backoffMs * 2 ** (failures - 1)));
      }),
    );
  });

  it('doubles its bound with each failure', () => {
    expect([1, 2, 3, 4].map((failures) => backoffMs(failures, BOUNDS, always(0.999_999)))).toEqual([4999, 9999, 19_999, 39_999]);
  });

  it('is never shorter than what the provider asked for, and at most a tenth longer', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3_600_000 }), fc.double({ min: 0, max: 0.999999, noNaN: true }), (retryAfterMs, chance) => {
        const wait = backoffMs(1, BOUNDS, always(chance), retryAfterMs);
        expect(wait).toBeGreaterThanOrEqual(retryAfterMs);
        expect(wait).toBeLessThanOrEqual(retryAfterMs * 1.1);
      }),
    );
  });
});
