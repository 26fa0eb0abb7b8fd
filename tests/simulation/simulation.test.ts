import { describe, expect, it } from '@jest/globals';
import { CONFIGURATIONS, configurationOf } from './configurations.js';
import { runSeed, type Verdict } from './schedule.js';

const NORMAL = configurationOf('normal');

/** The schedules that break a rule, each with its first broken rule. */
async function broken(configuration: string, from: number, seeds: number): Promise<string[]> {
  const found: string[] = [];
  for (let seed = from; seed < from + seeds; seed += 1) {
    const [first] = (await runSeed(seed, configurationOf(configuration))).violations;
    if (first !== undefined) found.push(`seed ${seed}: ${first.kind} ${first.detail}`);
  }
  return found;
}

describe('the pipeline on simulated ports', () => {
  it('breaks no rule in 200 schedules with every net on', async () => {
    expect(await broken('normal', 1, 200)).toEqual([]);
  });

  it.each(CONFIGURATIONS.map(({ name }) => name).filter((name) => name !== 'normal'))(
    'breaks no rule in 25 schedules of the configuration %s',
    async (name) => {
      expect(await broken(name, 1, 25)).toEqual([]);
    },
  );

  it('meets every kind of fault and reaches every state within 200 schedules', async () => {
    const verdicts: Verdict[] = [];
    for (let seed = 1; seed <= 200; seed += 1) verdicts.push(await runSeed(seed, NORMAL));
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
    const states = (name: 'delivered' | 'expired' | 'cancelled' | 'dead' | 'held' | 'absorbed'): number =>
      verdicts.reduce((sum, { report }) => sum + report.balance[name], 0);
    for (const name of ['delivered', 'expired', 'cancelled', 'dead', 'held', 'absorbed'] as const) {
      expect([name, states(name) > 5]).toEqual([name, true]);
    }
  });
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
