import { BOUNDS } from '../measure.js';
import type { Check, Histogram } from '../result.js';
import { histogram, percentile, summaryOf } from '../stats.js';
import { below, none } from '../verdict.js';
import type { Audit, Stored } from './audit.js';
import type { Sent } from './load.js';
import type { Phase } from './options.js';
import type { LogLook, MessageFigures, MessageSecond, PhaseFigures } from './result.js';

/** What is known of a run when all is over. */
export interface Measured {
  readonly startedAt: number;
  /** When the last message was answered. */
  readonly answeredAt: number;
  readonly phases: readonly Phase[];
  readonly sent: readonly Sent[];
  readonly histories: ReadonlyMap<string, readonly Stored[]>;
  readonly audit: Audit;
  readonly log: readonly LogLook[];
  readonly enqueued: number | null;
  readonly deadLetters: number;
  readonly drainMs: number;
}

/** Of the checklist: processing well below its 100 ms, lag as in normal running. */
const LIMITS = { httpP95: 50, storedP95: 50, lag: 100 } as const;
/** Of what is due in a second, what goes into the log in one: the last answers come a little after the last second. */
const ENQUEUE_SHARE = 0.99;

/** A message and how long it took, milliseconds; null: there is nothing to say. */
interface Timed {
  readonly sent: Sent;
  readonly http: number | null;
  readonly stored: number | null;
}

function timesOf({ sent, histories }: Pick<Measured, 'sent' | 'histories'>): readonly Timed[] {
  const stored = new Map<string, number>();
  for (const { clientMessageId, acceptedAt, persistedAt } of [...histories.values()].flat()) {
    if (clientMessageId !== null) stored.set(clientMessageId, Date.parse(persistedAt) - Date.parse(acceptedAt));
  }
  return sent.map((message) => ({
    sent: message,
    http: message.error === null && message.answeredAt > 0 ? message.answeredAt - message.intendedAt : null,
    stored: stored.get(message.clientMessageId) ?? null,
  }));
}

function known(values: readonly (number | null)[]): readonly number[] {
  return values.filter((value) => value !== null);
}

export function figuresOf(measured: Measured): MessageFigures {
  const { sent, phases, enqueued, answeredAt, startedAt, audit, log } = measured;
  const times = timesOf(measured);
  const accepted = sent.filter(({ messageId }) => messageId !== null).length;
  const seconds = phases.reduce((sum, { durationS }) => sum + durationS, 0);
  return {
    offered: sent.length,
    accepted,
    refused: sent.length - accepted,
    repeats: sent.filter(({ repeat }) => repeat !== null).length,
    offeredPerSecond: sent.length / seconds,
    enqueued,
    enqueuedPerSecond: enqueued === null ? null : enqueued / Math.max(seconds, (answeredAt - startedAt) / 1000),
    http: summaryOf(known(times.map(({ http }) => http))),
    stored: summaryOf(known(times.map(({ stored }) => stored))),
    lag: log.reduce((most, { lag }) => Math.max(most, lag), 0),
    drainMs: measured.drainMs,
    deadLetters: measured.deadLetters,
    audit: {
      lost: audit.lost.length,
      doubled: audit.doubled.length,
      strangers: audit.strangers.length,
      disordered: audit.disordered.length,
      unrecognised: audit.unrecognised.length,
    },
    phases: phases.length < 2 ? [] : phasesOf(measured, times),
  };
}

function phasesOf({ phases, startedAt }: Measured, times: readonly Timed[]): readonly PhaseFigures[] {
  let from = startedAt;
  return phases.map(({ durationS, rate }) => {
    const until = from + durationS * 1000;
    const own = times.filter(({ sent }) => sent.intendedAt >= from && sent.intendedAt < until);
    from = until;
    return {
      durationS,
      rate,
      offered: own.length,
      accepted: own.filter(({ sent }) => sent.messageId !== null).length,
      http: summaryOf(known(own.map(({ http }) => http))),
      stored: summaryOf(known(own.map(({ stored }) => stored))),
    };
  });
}

/** Every objective beside what was measured. */
export function checksOf(figures: MessageFigures): readonly Check[] {
  const { offeredPerSecond, enqueuedPerSecond, audit } = figures;
  const least = ENQUEUE_SHARE * offeredPerSecond;
  const enqueue = (value: number): Check => ({
    name: 'enqueued per second',
    unit: '/s',
    value,
    limit: `≥ ${least.toFixed(1)} /s`,
    met: value >= least,
  });
  return [
    none('offered and not accepted', figures.refused),
    ...(enqueuedPerSecond === null ? [] : [enqueue(enqueuedPerSecond)]),
    below('HTTP p95', 'ms', figures.http.p95, LIMITS.httpP95),
    below('accept to stored p95', 'ms', figures.stored.p95, LIMITS.storedP95),
    below('partition lag', 'number', figures.lag, LIMITS.lag),
    none('dead letters', figures.deadLetters),
    none('lost', audit.lost),
    none('stored twice', audit.doubled),
    none('stored and never sent', audit.strangers),
    none('out of order', audit.disordered),
    none('repeats not recognised', audit.unrecognised),
  ];
}

/** By the second of the intended send time. */
export function secondsOf(measured: Measured): readonly MessageSecond[] {
  const rows: Timed[][] = [];
  for (const timed of timesOf(measured)) {
    const second = Math.max(0, Math.floor((timed.sent.intendedAt - measured.startedAt) / 1000));
    for (let n = rows.length; n <= second; n += 1) rows.push([]);
    rows[second]?.push(timed);
  }
  const p95 = (values: readonly (number | null)[]): number | null => {
    const sorted = [...known(values)].sort((a, b) => a - b);
    return sorted.length === 0 ? null : percentile(sorted, 0.95);
  };
  return rows.map((row) => ({
    offered: row.length,
    accepted: row.filter(({ sent }) => sent.messageId !== null).length,
    stored: row.filter(({ stored }) => stored !== null).length,
    errors: row.filter(({ sent }) => sent.error !== null).length,
    httpP95: p95(row.map(({ http }) => http)),
    storedP95: p95(row.map(({ stored }) => stored)),
  }));
}

/** Of the times from accept to stored. */
export function histogramOf(measured: Measured): Histogram {
  return { bounds: BOUNDS, counts: histogram(known(timesOf(measured).map(({ stored }) => stored)), BOUNDS) };
}
