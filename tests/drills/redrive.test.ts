import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { redriveDrill } from './redrive.js';
import { redriveScorecard } from './redrive-scorecard.js';

describe('A server that is killed in the middle of a redrive of many', () => {
  test('redrives each exactly once, and what fails again is back on the desk', async () => {
    const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
    const result = await redriveDrill({ items: 300, kills: 1, seed: 7, parent, say: () => {} });
    // The scorecard comes along into the report of a failure.
    expect({ failures: result.failures, scorecard: redriveScorecard(result) }).toMatchObject({ failures: [] });
    expect(result.tally).toMatchObject({ items: 300, redrivenOnce: 300, delivered: 285, backOnTheDesk: 15, sameOperation: 15 });
    expect(existsSync(result.directory)).toBe(false);
  }, 240_000);
});
