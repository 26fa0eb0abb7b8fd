import type { TargetName } from './check.js';
import type { Outcome, Verdict } from './judge.js';

const SIGNS: Readonly<Record<Outcome, string>> = {
  passed: 'passed ',
  'in part': 'in part',
  failed: 'FAILED ',
  'not applicable': '  n/a  ',
  'not checked': '   -   ',
};

/** What a run came to, as JSON. */
export interface Report {
  readonly at: string;
  readonly target: TargetName;
  readonly site: string;
  readonly version: string;
  /** Of the source, where it is a repository. */
  readonly commit: string | null;
  readonly node: string;
  readonly counts: Readonly<Record<Outcome, number>>;
  readonly rows: readonly Verdict[];
}

export function countsOf(verdicts: readonly Verdict[]): Record<Outcome, number> {
  const counts = { passed: 0, 'in part': 0, failed: 0, 'not applicable': 0, 'not checked': 0 };
  for (const { outcome } of verdicts) counts[outcome] += 1;
  return counts;
}

/** One line for each row, more for one that failed. */
export function lineOf({ id, outcome, seen, expected, open, why, tookMs, evidence }: Verdict): string {
  const took = tookMs === undefined ? '' : ` (${(tookMs / 1000).toFixed(1)} s)`;
  const head = `${SIGNS[outcome]}  ${id.padEnd(7)}`;
  switch (outcome) {
    case 'passed':
      return `${head} ${seen}${took}`;
    case 'in part':
      return `${head} ${seen}; open: ${open}${took}`;
    case 'failed':
      return `${head} expected ${expected}${took}\n${' '.repeat(17)} saw ${seen}\n${' '.repeat(17)} evidence: ${evidence}`;
    case 'not applicable':
    case 'not checked':
      return `${head} ${why}`;
  }
}

/** What a person wants to know at the end: what failed, then the sums. */
export function summaryOf({ rows, counts, target }: Report): string {
  const failed = rows.filter(({ outcome }) => outcome === 'failed');
  return [
    ...(failed.length === 0 ? [] : ['', 'Failed:', ...failed.map(lineOf)]),
    '',
    `${target}: ${rows.length} rows: ${counts.passed} passed, ${counts['in part']} in part, ${counts.failed} failed, ` +
      `${counts['not applicable']} not applicable here, ${counts['not checked']} not checked yet`,
    counts.failed === 0 ? 'PASSED' : 'FAILED',
  ].join('\n');
}
