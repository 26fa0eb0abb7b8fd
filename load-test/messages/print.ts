import { columns, fleetRows, ms, per, summaryRows, verdictRows } from '../print.js';
import type { MessageFigures, MessageResult } from './result.js';

/** How many of what, and how many a second: a row for each. */
export function countRows(figures: MessageFigures): readonly (readonly string[])[] {
  const { offered, accepted, refused, repeats, enqueued, enqueuedPerSecond, deadLetters, audit, lag, drainMs } = figures;
  return [
    ['offered', String(offered), `${per(figures.offeredPerSecond)} /s`],
    ['accepted', String(accepted), ''],
    ['refused', String(refused), ''],
    ['enqueued', String(enqueued ?? '-'), enqueuedPerSecond === null ? '' : `${per(enqueuedPerSecond)} /s`],
    ['sent twice', String(repeats), `${repeats - audit.unrecognised} recognised`],
    ['largest lag of a partition', String(lag), ''],
    ['dead letters', String(deadLetters), ''],
    ['lost', String(audit.lost), ''],
    ['stored twice or under another id', String(audit.doubled), ''],
    ['stored and never sent', String(audit.strangers), ''],
    ['out of order', String(audit.disordered), ''],
    ['from the last answer to rest', `${ms(drainMs)} ms`, ''],
  ];
}

/** HTTP and accept to stored, of the whole run and of each phase where there are several. */
export function latenciesOf({ http, stored, phases }: MessageFigures) {
  return [
    ['HTTP: intended → answered', http] as const,
    ['accepted → stored', stored] as const,
    ...phases.flatMap((phase) => [
      [`  ${phase.rate} /s for ${phase.durationS} s: HTTP`, phase.http] as const,
      [`  ${phase.rate} /s for ${phase.durationS} s: stored`, phase.stored] as const,
    ]),
  ];
}

/** The run for a person to read; the last line is the verdict with what it rests on. */
export function print({ figures, fleet, checks, examples, passed }: MessageResult): string {
  const wrong = Object.entries(examples).filter(([, some]) => some.length > 0);
  const missed = checks.filter(({ met }) => !met).map(({ name, limit }) => `${name} ${limit}`);
  return [
    columns(countRows(figures)),
    '',
    columns(summaryRows(latenciesOf(figures))),
    '',
    columns(fleetRows(fleet, 'stored')),
    '',
    verdictRows(checks),
    ...wrong.map(([kind, some]) => `  ${kind}: ${some.join(', ')}`),
    '',
    passed ? `PASSED: all ${checks.length} objectives met` : `FAILED: ${missed.join('; ')}`,
  ].join('\n');
}
