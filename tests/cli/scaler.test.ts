import { describe, expect, test } from '@jest/globals';
import { Scaler, type ScalingPolicy } from '../../src/cli/scaler.js';

const POLICY: ScalingPolicy = { min: 2, max: 10, waitingPerWorker: 50, use: 0.7, holdMs: 60_000 };
const IDLE = { waiting: 0, use: 0 };

function decideOnce(workers: number, waiting: number, use: number): number | undefined {
  return new Scaler(POLICY).decide({ workers, waiting, use }, 0)?.workers;
}

describe('The scaler', () => {
  test.each([
    ['what waits asks for more', 3, 251, 0.5, 6],
    ['they are used more than they should be', 4, 0, 1, 6],
    ['the greater of both counts', 4, 340, 1, 7],
    ['at most as many again come at a time', 5, 5_000, 1, 10],
    ['or four, where that is more', 2, 5_000, 1, 6],
    ['never more than the most', 8, 5_000, 1, 10],
    ['never fewer than the least', 0, 0, 0, 2],
    ['near the wanted use nothing changes', 4, 0, 0.76, 4],
    ['too many are allowed no longer', 12, 5_000, 1, 10],
  ])('%s', (_case, workers, waiting, use, wanted) => {
    expect(decideOnce(workers, waiting, use)).toBe(wanted);
  });

  test('workers go when fewer were enough for the whole hold, and not before', () => {
    const scaler = new Scaler(POLICY);
    const at = (ms: number) => scaler.decide({ workers: 8, ...IDLE }, ms)?.workers;
    expect([at(0), at(30_000), at(59_999), at(60_000)]).toEqual([8, 8, 8, 2]);
  });

  test('as many stay as were needed at any time within the hold', () => {
    const scaler = new Scaler(POLICY);
    scaler.decide({ workers: 8, ...IDLE }, 0);
    scaler.decide({ workers: 8, waiting: 240, use: 0 }, 30_000);
    expect(scaler.decide({ workers: 8, ...IDLE }, 60_000)?.workers).toBe(5);
    expect(scaler.decide({ workers: 5, ...IDLE }, 90_000)?.workers).toBe(2);
  });

  test('what nobody saw is no quiet time', () => {
    const scaler = new Scaler(POLICY);
    scaler.decide({ workers: 8, ...IDLE }, 0);
    expect(scaler.decide(null, 30_000)).toBeNull();
    expect(scaler.decide({ workers: 8, ...IDLE }, 70_000)?.workers).toBe(8);
    expect(scaler.decide({ workers: 8, ...IDLE }, 130_000)?.workers).toBe(2);
  });

  test('it says why', () => {
    const decision = new Scaler(POLICY).decide({ workers: 4, waiting: 240, use: 0.5 }, 0);
    expect(decision).toEqual({ workers: 5, because: '240 wait (enough: 5), 50 % in use (enough: 3)' });
  });
});
