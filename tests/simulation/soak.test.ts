import { describe, expect, it } from '@jest/globals';
import { type Configuration, configurationOf } from './configurations.js';
import { EPOCH } from './incarnation.js';
import { runSoak } from './schedule.js';

const NORMAL = configurationOf('normal');
const HOURS = 3;
const HOUR_MS = 3_600_000;

describe('a fleet that lives for hours', () => {
  it('keeps every rule, with faults in each of them, and nothing piles up', async () => {
    const { violations, report, counts } = await runSoak(1, NORMAL, HOURS, true);
    expect(violations).toEqual([]);
    // A dozen an hour in peace, and some more among the faults.
    expect(report.balance.answeredRecords).toBeGreaterThan(HOURS * 12);
    expect(counts.crashes).toBeGreaterThan(0);
  });

  it('reaches the end of its last hour', async () => {
    const { trace } = await runSoak(2, NORMAL, HOURS, true);
    expect(trace.filter((line) => / \d h: \d+ records, \d+ timers$/.test(line))).toHaveLength(HOURS);
  });

  it('is found out where something stays open from some hour on', async () => {
    const deaf: Configuration = {
      ...NORMAL,
      outbox: (inner, store) => ({
        published: (wakeUps) => inner.published(wakeUps),
        due: async (limit, age) => (store.now() < EPOCH + HOUR_MS ? inner.due(limit, age) : { wakeUps: [], nextInMs: null }),
      }),
    };
    const { violations } = await runSoak(1, deaf, HOURS);
    expect(violations.map(({ kind }) => kind)).toContain('UNSETTLED');
  });
});
