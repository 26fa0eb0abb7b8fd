import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { scorecard } from './scorecard.js';
import { workerCrash } from './worker-crash.js';

describe('A server that is killed under load', () => {
  test('loses nothing that it answered for, doubles nothing, and lists what nobody can know', async () => {
    const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
    const result = await workerCrash({ cycles: 2, rate: 60, seed: 4, parent, say: () => {} });
    const { balance } = result.report;
    // The scorecard comes along into the report of a failure.
    expect({ failures: result.failures, scorecard: scorecard(result) }).toMatchObject({ failures: [] });
    expect(result.counts.answered).toBe(result.counts.offered);
    expect(result.cycles.map((cycle) => cycle.reached)).toEqual([true, true]);
    expect(balance.delivered + balance.held).toBe(balance.accepted);
    expect(balance.accepted).toBeGreaterThan(50);
    expect(existsSync(result.directory)).toBe(false);
  }, 240_000);
});
