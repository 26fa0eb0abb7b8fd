import { beforeAll, describe, expect, it } from '@jest/globals';
import { CONFIGURATIONS, configurationOf } from './configurations.js';
import { runSeed } from './schedule.js';
import type { Verdict } from './verdict.js';

const NORMAL = configurationOf('normal');

/** The first rule that a schedule broke, if any. */
function firstOf({ seed, violations: [first] }: Verdict): string[] {
  return first === undefined ? [] : [`seed ${seed}: ${first.kind} ${first.detail}`];
}

describe('the pipeline on simulated ports', () => {
  const verdicts: Verdict[] = [];
  beforeAll(async () => {
    for (let seed = 1; seed <= 200; seed += 1) verdicts.push(await runSeed(seed, NORMAL));
  }, 300_000);

  it('breaks no rule in 200 schedules with every net on', () => {
    expect(verdicts.flatMap((verdict) => firstOf(verdict))).toEqual([]);
  });

  it('gives up what kills its workers, and nothing that was only there when they died', () => {
    const sum = (name: 'killers' | 'innocents'): number => verdicts.reduce((total, { exhausted }) => total + exhausted[name], 0);
    expect(sum('killers')).toBeGreaterThan(5);
    expect(sum('innocents')).toBe(0);
  });

  it('meets every kind of fault and reaches every state within 200 schedules', () => {
    const faults = (name: keyof Verdict['counts']): number => verdicts.reduce((sum, { counts }) => sum + counts[name], 0);
    for (const name of [
      'crashes',
      'pauses',
      'lostRequests',
      'lostReplies',
      'late',
      'cuts',
      'clockJumps',
      'drains',
      'wakeUpsLost',
    ] as const) {
      expect([name, faults(name) > 20]).toEqual([name, true]);
    }
    const states = ['delivered', 'skipped', 'expired', 'cancelled', 'dead', 'held', 'absorbed', 'uncertain'] as const;
    for (const name of states) {
      const count = verdicts.reduce((sum, { report }) => sum + report.balance[name], 0);
      expect([name, count > 5]).toEqual([name, true]);
    }
  });

  it('puts off, reconsiders, expands, resolves and redrives within 200 schedules', () => {
    for (const name of ['quiet', 'reconsidered', 'batches', 'children', 'resolved', 'redriven', 'redrivenInDoubt', 'backOnDesk'] as const) {
      const count = verdicts.reduce((sum, { covered }) => sum + (covered[name] ?? 0), 0);
      expect([name, count > 5]).toEqual([name, true]);
    }
  });

  it.each(CONFIGURATIONS.map(({ name }) => name).filter((name) => name !== 'normal'))(
    'breaks no rule in 25 schedules of the configuration %s',
    async (name) => {
      const found: string[] = [];
      for (let seed = 1; seed <= 25; seed += 1) found.push(...firstOf(await runSeed(seed, configurationOf(name))));
      expect(found).toEqual([]);
    },
  );
});

describe('a seed', () => {
  it('is the schedule: run twice it gives the same trace, to the last line', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const [first, second] = [await runSeed(seed, NORMAL, true), await runSeed(seed, NORMAL, true)];
      expect(second.trace).toEqual(first.trace);
      expect(first.trace.length).toBeGreaterThan(20);
    }
  });

  it('has a schedule of its own', async () => {
    const [first, second] = [await runSeed(1, NORMAL, true), await runSeed(2, NORMAL, true)];
    expect(second.trace).not.toEqual(first.trace);
  });
});
