import type { Balance, Report } from './entry.js';

const STATES = ['delivered', 'skipped', 'expired', 'cancelled', 'dead', 'held', 'open'] as const satisfies readonly (keyof Balance)[];

/** How many violations of one kind are shown. */
const SHOWN = 20;

/** The balance and the violations for a person to read. */
export function table(report: Report): string {
  const { balance } = report;
  const rows: [string, number][] = [
    ['records answered 2xx', balance.answeredRecords],
    ['records stored, answer lost', balance.unansweredRecords],
    ['deliveries accepted', balance.accepted],
    ...STATES.map((state): [string, number] => [`  ${state}`, balance[state]]),
    ['effects (after de-duplication)', balance.effects],
    ['  raw repeats absorbed by receivers', balance.absorbed],
    ['  overtook a `not-done` answer', balance.overtaken],
    ['  at rest otherwise, outcome unknown', balance.uncertain],
    ['  sent again by a person', balance.resentByPerson],
    ['violations', report.violations.length],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, count]) => `${name.padEnd(width)}  ${String(count).padStart(9)}`);
  const shown = report.violations.slice(0, SHOWN).map(({ kind, subject, detail }) => `${kind.padEnd(10)} ${subject}: ${detail}`);
  const more = report.violations.length - shown.length;
  return [...lines, ...shown, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n');
}

/** Adds up the balances of several runs. */
export function sumBalances(balances: readonly Balance[]): Balance | null {
  const [first, ...others] = balances;
  if (first === undefined) return null;
  return others.reduce((sum, one) => addBalances(sum, one), first);
}

export function addBalances(a: Balance, b: Balance): Balance {
  const keys = Object.keys(a) as (keyof Balance)[];
  return Object.fromEntries(keys.map((key) => [key, a[key] + b[key]])) as unknown as Balance;
}
