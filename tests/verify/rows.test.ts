import { describe, expect, test } from '@jest/globals';
import { TARGETS } from '../../verify/check.js';
import { CHECKS } from '../../verify/checks.js';
import { notOn } from '../../verify/judge.js';
import { REASONS, reasonFor } from '../../verify/reasons.js';
import { readRows, rowsIn } from '../../verify/rows.js';

const ROWS = readRows(process.cwd());
const IDS = ROWS.map(({ id }) => id);

describe('The acceptance list', () => {
  test('is read row by row, with its section, what is wanted and how it is proved', () => {
    expect(ROWS.length).toBeGreaterThan(300);
    expect(ROWS.find(({ id }) => id === 'ENV-05')).toEqual({
      id: 'ENV-05',
      section: 'Configuration (environment variables)',
      requirement: '`POLL_INTERVAL_MS` · 5000 · safety-net poll, never the normal path',
      check: 'latency test passes with it at 60000; X-10',
    });
    expect(ROWS.filter(({ requirement }) => requirement === '')).toEqual([]);
  });

  test('takes a bar inside of a code span for a part of the code', () => {
    const [row] = rowsIn('## 1. Metrics\n| ID | Metric | Check |\n|---|---|---|\n| MET-06 | `a{s="x|y"}` | seen |');
    expect(row).toEqual({ id: 'MET-06', section: 'Metrics', requirement: '`a{s="x|y"}`', check: 'seen' });
  });

  test('has every id that a line of a table begins with', () => {
    const { length } = IDS;
    expect(new Set(IDS).size).toBe(length);
  });
});

describe('Every row', () => {
  test('has one check, or a reason why it has none yet, and not both', () => {
    const checked = CHECKS.map(({ id }) => id);
    expect(checked.filter((id, at) => checked.indexOf(id) !== at)).toEqual([]);
    expect(checked.filter((id) => !IDS.includes(id))).toEqual([]);
    const unchecked = IDS.filter((id) => !checked.includes(id));
    for (const id of unchecked) expect(reasonFor({ id }).length).toBeGreaterThan(10);
    expect(checked.filter((id) => REASONS[id] !== undefined)).toEqual([]);
  });

  test('has no reason left over of a row that is not there', () => {
    const idle = Object.keys(REASONS).filter((key) => !IDS.some((id) => (key.endsWith('-') ? id.startsWith(key) : id === key)));
    expect(idle).toEqual([]);
  });

  test('that cannot be measured everywhere says why not', () => {
    for (const check of CHECKS) {
      const left = TARGETS.filter((target) => notOn(check, target) !== null);
      expect(left.length).toBeLessThan(TARGETS.length);
      for (const target of left) expect(notOn(check, target)?.length).toBeGreaterThan(10);
    }
  });
});
