import { columns } from '../table.js';
import { isClean, type Summary } from './verdict.js';

type Row = readonly [name: string, value: number | string];

/** The table in the end, and the verdict in a sentence. */
export function report(summary: Summary): string {
  const { latencyMs } = summary;
  const rows: readonly Row[] = [
    ['notifications accepted', summary.notificationsAccepted],
    ...unlessNone('known from an earlier run', summary.notificationsKnown),
    ...unlessNone('refused', summary.notificationsRefused),
    ['repeats posted', summary.repeatsPosted],
    ['repeats recognised', summary.repeatsRecognised],
    ['deliveries', summary.deliveries],
    ['  delivered', summary.delivered],
    ...Object.entries(summary.skipped).map(([rule, count]): Row => [`  skipped (${rule})`, count]),
    ['  failed', summary.dead],
    ['  held', summary.held],
    ...unlessNone('  expired, cancelled', summary.otherwise),
    ['  still open', summary.open],
    ['deferred (quiet-hours)', summary.deferred],
    ['  released (preferences.changed)', summary.released],
    ['urgent in quiet hours', summary.urgentInQuietHours],
    ['disturbed in quiet hours', summary.disturbed],
    ['duplicates', summary.duplicates],
    ['repeats absorbed by receivers', summary.absorbed],
    ['lost', summary.lost],
    ['not compared (sink forgot)', summary.notCompared],
    ['deliveries per second', summary.ratePerSecond],
    ['accept to delivered, avg', `${latencyMs.avg} ms`],
    ['  p50', `${latencyMs.p50} ms`],
    ['  p95', `${latencyMs.p95} ms`],
    ['  p99', `${latencyMs.p99} ms`],
  ];
  const verdict = isClean(summary)
    ? 'Everybody got theirs, once, and only urgent ones came in quiet hours.'
    : 'Not everybody got theirs as they should: see above.';
  return `${columns(
    rows.map(([name, value]) => [name, String(value)]),
    [1],
  )}\nSpeed is that of what did not wait for the end of quiet hours.\n${verdict}`;
}

function unlessNone(name: string, count: number): readonly Row[] {
  return count === 0 ? [] : [[name, count]];
}
