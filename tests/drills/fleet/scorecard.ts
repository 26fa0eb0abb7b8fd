import { table } from '../../../tools/ledger/table.js';
import type { Performed } from './perform.js';

/** Failures that are shown one by one. */
const SHOWN = 30;
const FAULTS_SHOWN = 40;

/** Everything that a person needs to believe the verdict, or to doubt it. */
export function scorecard(result: Performed): string {
  const { counts, failures, options } = result;
  return [
    `${result.drill}: ${options.apis} APIs, ${options.workers} workers, ${options.rate}/s, lease ${options.leaseMs} ms, --seed ${options.seed}`,
    '',
    'Faults (times in ms, counted from the end of the fault; "over": all that was offered before it has come to rest)',
    faultsTable(result),
    '',
    'Load',
    rows([
      ['offered', counts.offered],
      ['accepted', counts.accepted],
      ['tries that broke without an answer', counts.broken],
      ['tries answered 503', counts.unavailable],
      ['tries answered 429', counts.throttled],
      ['tries answered otherwise', counts.wrong],
      ['requests that no API took, tried again later', counts.failedRequests],
      ['answers that recognised a repeat', counts.replayed],
      ['slowest answer, ms', counts.slowestMs],
      ['p99 of all answers, ms', counts.p99Ms],
    ]),
    ...(result.figures.length === 0 ? [] : ['', 'This drill', rows(result.figures)]),
    '',
    'Balance (deliveries unless it says otherwise)',
    table(result.report),
    rows(result.rest),
    '',
    `${(result.tookMs / 1000).toFixed(0)} s in all`,
    ...(failures.length === 0
      ? ['PASSED']
      : [
          `FAILED: ${failures.length}`,
          ...failures.slice(0, SHOWN).map((line) => `  ${line}`),
          ...(failures.length > SHOWN ? [`  … and ${failures.length - SHOWN} more`] : []),
          `Kept: ${result.directory}`,
        ]),
  ].join('\n');
}

function faultsTable({ faults }: Performed): string {
  if (faults.length === 0) return 'none';
  const heads = ['#', 'fault', 'lasted', 'hit', 'first effect', 'over', 'allowed'];
  const lines = faults
    .slice(0, FAULTS_SHOWN)
    .map((fault, index) => [
      String(index + 1),
      fault.name,
      String(fault.to - fault.from),
      String(fault.hit),
      String(fault.firstEffectMs ?? '-'),
      String(fault.drainedMs ?? '-'),
      String(fault.drainedWithinMs ?? '-'),
    ]);
  const widths = heads.map((head, column) => Math.max(head.length, ...lines.map((line) => line[column]?.length ?? 0)));
  const format = (line: readonly string[]): string =>
    line.map((text, column) => (column === 1 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0))).join('  ');
  const more = faults.length > FAULTS_SHOWN ? [`… and ${faults.length - FAULTS_SHOWN} more`] : [];
  return [...[heads, ...lines].map(format), ...more].join('\n');
}

function rows(of: readonly (readonly [string, string | number])[]): string {
  const width = Math.max(...of.map(([name]) => name.length));
  return of.map(([name, count]) => `${name.padEnd(width)}  ${String(count).padStart(9)}`).join('\n');
}
