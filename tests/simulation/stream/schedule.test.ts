import { beforeAll, describe, expect, it } from '@jest/globals';
import { configurationOf } from '../configurations.js';
import { runSeed } from '../schedule.js';
import type { Verdict } from '../verdict.js';

const STREAM = configurationOf('stream');

describe('the protocol of a stream, on simulated ports', () => {
  const verdicts: Verdict[] = [];
  beforeAll(async () => {
    for (let seed = 1; seed <= 150; seed += 1) verdicts.push(await runSeed(seed, STREAM));
  }, 300_000);

  it('breaks no rule in 150 schedules', () => {
    expect(
      verdicts.flatMap(({ seed, violations: [first] }) => (first === undefined ? [] : [`seed ${seed}: ${first.kind} ${first.detail}`])),
    ).toEqual([]);
  });

  it('meets every kind of fault, and all that people do, within them', () => {
    for (const name of ['crashes', 'pauses', 'lostRequests', 'lostReplies', 'late', 'cuts', 'drains'] as const) {
      const count = verdicts.reduce((sum, { counts }) => sum + counts[name], 0);
      expect([name, count > 20]).toEqual([name, true]);
    }
    for (const name of ['repartitioned', 'pauses', 'storeDown', 'released', 'redriven', 'reclaimed', 'stale', 'trimmed', 'dead']) {
      const count = verdicts.reduce((sum, { covered }) => sum + (covered[name] ?? 0), 0);
      expect([name, count > 20]).toEqual([name, true]);
    }
    expect(verdicts.reduce((sum, { exhausted }) => sum + exhausted.killers, 0)).toBeGreaterThan(5);
  });

  it('is repeated by its seed, to the last line', async () => {
    const [first, second] = [await runSeed(7, STREAM, true), await runSeed(7, STREAM, true)];
    expect(second.trace).toEqual(first.trace);
    expect(first.trace.length).toBeGreaterThan(50);
  });
});
