import { table } from '../../tools/ledger/table.js';
import type { HeldRow } from './held.js';
import { type DrillResult, LEASE_MS } from './worker-crash.js';

/** Held deliveries and failures that are shown one by one. */
const SHOWN = 30;
/** What is aimed at: a dead worker's work is taken up again within its lease and so long. */
const GOAL_AFTER_LEASE_MS = 5000;

/** Everything that a person needs to believe the verdict, or to doubt it. */
export function scorecard(result: DrillResult): string {
  const { counts, report, held, failures, directory } = result;
  return [
    'Cycles (times in ms; recovery counted from the start of the new process)',
    cyclesTable(result),
    '',
    'Load',
    rows([
      ['notifications offered', counts.offered],
      ['requests that broke, retried under their key', counts.broken],
      ['429 and 5xx, retried under their key', counts.refused],
      ['answers that recognised a repeat', counts.replayed],
      ['notifications answered 2xx', counts.answered],
    ]),
    '',
    'Balance (deliveries unless it says otherwise)',
    table(report),
    '',
    `Held: ${held.length} e-mails of which nobody can know, each listed at /api/v1/held (${held.filter((row) => row.timedOut).length} because the relay did not answer in time)`,
    ...held.slice(0, SHOWN).map(heldLine),
    ...(held.length > SHOWN ? [`  … and ${held.length - SHOWN} more`] : []),
    '',
    ...(failures.length === 0
      ? ['PASSED']
      : [`FAILED: ${failures.length}`, ...failures.slice(0, SHOWN).map((line) => `  ${line}`), `Kept: ${directory}`]),
  ].join('\n');
}

function heldLine(row: HeldRow): string {
  const crash = `cycle ${row.cycle ?? '?'}, intent ${row.intentBeforeCrashMs ?? '?'} ms before the crash`;
  const why = row.timedOut ? `no answer in time (${row.code})` : crash;
  return `  ${row.deliveryId}  ${why}, ${row.atSink ? 'the sink has it' : 'the sink has it not'}${row.wrong === null ? '' : `  WRONG: ${row.wrong}`}`;
}

function cyclesTable({ cycles }: DrillResult): string {
  const heads = ['#', 'kill', 'up', 'start', 'first delivery', 'drained', 'requests broken'];
  const lines = cycles.map((cycle, index) => [
    String(index + 1),
    cycle.kill,
    String(cycle.upMs),
    String(cycle.startMs),
    String(cycle.firstDeliveryMs ?? '-'),
    `${cycle.drainedMs ?? '-'}${(cycle.drainedMs ?? 0) > LEASE_MS + GOAL_AFTER_LEASE_MS ? ' !' : ''}`,
    String(cycle.broken),
  ]);
  const widths = heads.map((head, column) => Math.max(head.length, ...lines.map((line) => line[column]?.length ?? 0)));
  const format = (line: readonly string[]): string =>
    line.map((text, column) => (column === 1 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0))).join('  ');
  return [heads, ...lines].map(format).join('\n');
}

function rows(of: readonly (readonly [string, number])[]): string {
  const width = Math.max(...of.map(([name]) => name.length));
  return of.map(([name, count]) => `${name.padEnd(width)}  ${String(count).padStart(9)}`).join('\n');
}
