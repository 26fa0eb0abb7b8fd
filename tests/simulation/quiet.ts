import { DAYS, type Person, type QuietHours } from '../../src/ports/people.js';
import { createQuietCalendar, type NextWindow, type QuietWindow } from '../../src/workloads/notifications/quiet-hours.js';
import { EPOCH } from './incarnation.js';

/** Zones whose clocks nobody changes around the simulated days, and by how many minutes they are ahead of UTC. */
const ZONES = { 'Etc/UTC': 0, 'Asia/Kolkata': 330, 'Pacific/Pago_Pago': -660 } as const;
const MINUTE_MS = 60_000;

/** One window of quiet hours as it was made: instants first, and the hours of some zone from them. */
export interface QuietSpan {
  readonly hours: QuietHours;
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly until: number;
}

function spanOf(fromMinute: number, untilMinute: number, timeZone: keyof typeof ZONES): QuietSpan {
  // The epoch lies between two minutes of the clocks; quiet hours begin and end on whole ones.
  const zero = Math.ceil(EPOCH / MINUTE_MS) * MINUTE_MS;
  const from = zero + fromMinute * MINUTE_MS;
  const until = zero + untilMinute * MINUTE_MS;
  const local = (at: number): string => new Date(at + ZONES[timeZone] * MINUTE_MS).toISOString().slice(11, 16);
  return { hours: { start: local(from), end: local(until), timeZone, days: DAYS }, from, until };
}

/** Windows that begin, end, or last while faults happen. */
export const SPANS: readonly QuietSpan[] = [
  spanOf(-1, 0, 'Etc/UTC'),
  spanOf(-30, 0, 'Asia/Kolkata'),
  spanOf(0, 1, 'Etc/UTC'),
  spanOf(0, 1, 'Pacific/Pago_Pago'),
  spanOf(-1, 1, 'Asia/Kolkata'),
];

const BY_HOURS = new Map(SPANS.map((span) => [JSON.stringify(span.hours), span]));

/** The referee's own idea of a person's quiet hours, without any calendar. */
export function spanOfPerson({ quietHours }: Person): QuietSpan | null {
  if (quietHours === null) return null;
  const span = BY_HOURS.get(JSON.stringify(quietHours));
  if (span === undefined) throw new Error('quiet hours that the simulation did not make');
  return span;
}

/**
 * The real calendar, which is pure; what it said is remembered over all schedules, since each lives through the same two
 * minutes again and a look at the calendar takes as long as a hundred steps of a schedule.
 */
const said = new Map<string, { readonly since: number; readonly window: QuietWindow }[]>();

export const calendar: NextWindow = (hours, at) => {
  const name = JSON.stringify(hours);
  const known = said.get(name) ?? [];
  const found = known.find(({ since, window }) => since <= at && at < window.until);
  if (found !== undefined) return found.window;
  const window = createQuietCalendar()(hours, at);
  if (window !== null) said.set(name, [...known, { since: window.lastUntil ?? at, window }]);
  return window;
};
