import { table } from '../../tools/ledger/table.js';
import type { RedriveResult } from './redrive.js';

/** Failures that are shown one by one. */
const SHOWN = 30;

/** Everything that a person needs to believe the verdict, or to doubt it. */
export function redriveScorecard({ tally, report, kills, operation, tookMs, failures, directory }: RedriveResult): string {
  return [
    'Kills in the middle of the redrive',
    ...kills.map(
      (kill, index) =>
        `  ${index + 1}  ${kill.redrivenBefore} redriven before, ${kill.redrivenAfter} after; up again in ${kill.startMs} ms`,
    ),
    '',
    `Operation ${operation.operationId}: ${operation.status}, ${operation.done} of ${operation.matched}, ${(tookMs / 1000).toFixed(1)} s from the first to the last`,
    rows([
      ['dead letters', tally.items],
      ['  redriven exactly once', tally.redrivenOnce],
      ['  never redriven (lost)', tally.redrivenNever],
      ['  redriven more than once', tally.redrivenMore],
      ['delivered', tally.delivered],
      ['  under a new operation id (refused before)', tally.newOperation],
      ['  under the same operation id (outcome was unknown)', tally.sameOperation],
      ['back on the desk after a second failure', tally.backOnTheDesk],
    ]),
    '',
    'Balance (deliveries unless it says otherwise)',
    table(report),
    '',
    ...(failures.length === 0
      ? ['PASSED']
      : [`FAILED: ${failures.length}`, ...failures.slice(0, SHOWN).map((line) => `  ${line}`), `Kept: ${directory}`]),
  ].join('\n');
}

function rows(of: readonly (readonly [string, number])[]): string {
  const width = Math.max(...of.map(([name]) => name.length));
  return of.map(([name, count]) => `${name.padEnd(width)}  ${String(count).padStart(9)}`).join('\n');
}
