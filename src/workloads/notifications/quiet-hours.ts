import { Temporal } from 'temporal-polyfill';
import { DAYS, type QuietHours } from '../../ports/people.js';

/** From when (inclusive) until when (exclusive) a person is not to be disturbed, milliseconds since the epoch. */
export interface QuietWindow {
  readonly from: number;
  readonly until: number;
  /** When the window before it ended; null where there was none for days. */
  readonly lastUntil: number | null;
}

/** The window that lasts at `at`, or else the next one to come; null where no day is named. */
export type NextWindow = (hours: QuietHours, at: number) => QuietWindow | null;

const DAY_MS = 86_400_000;
/** A window that began this many local days ago may still last: one day for midnight, one for a clock set back over it. */
const LOOK_BACK_DAYS = 2;
/** A week holds every day that can be named; twice, because clocks may skip a whole window. */
const LOOK_AHEAD_DAYS = 16;
/** Quiet hours whose present window is remembered: most people choose one of a few. */
const REMEMBERED = 5000;

/**
 * Finds windows. Those that touch or overlap (clocks are changed between them) are one. A bound that the clocks skip is
 * the first instant after the gap; where they show it twice, a window starts at the first and ends at the second: in
 * doubt nobody is disturbed. The same question always has the same answer; what was found is remembered while it lasts,
 * since a look at the calendar takes a millisecond. It throws RangeError where zone or bounds mean nothing here.
 *
 * This module is loaded with the first person who has quiet hours, since the calendar behind it is not small.
 */
export function createQuietCalendar(): NextWindow {
  const remembered = new Map<string, { readonly window: QuietWindow; readonly since: number }>();
  return (hours, at) => {
    const name = `${hours.start}${hours.end}${hours.timeZone} ${hours.days.join()}`;
    const known = remembered.get(name);
    if (known !== undefined && known.since <= at && at < known.window.until) return known.window;
    const window = findWindow(hours, at);
    if (window === null) return null;
    if (remembered.size >= REMEMBERED) remembered.clear();
    remembered.set(name, { window, since: window.lastUntil ?? at });
    return window;
  };
}

function findWindow(hours: QuietHours, at: number): QuietWindow | null {
  const local = localTime(hours.timeZone, at - (LOOK_BACK_DAYS + 3) * DAY_MS, at + (LOOK_AHEAD_DAYS + 3) * DAY_MS);
  const start = timeOfDay(hours.start);
  const end = timeOfDay(hours.end);
  const today = local.dayOf(at);
  let found: QuietWindow | null = null;
  for (let day = today - LOOK_BACK_DAYS; day <= today + LOOK_AHEAD_DAYS; day += 1) {
    // The first day of 1970 was a Thursday.
    const name = DAYS[(((day + 3) % 7) + 7) % 7];
    if (name === undefined || !hours.days.includes(name)) continue;
    const from = local.first(day * DAY_MS + start);
    const until = local.last((end <= start ? day + 1 : day) * DAY_MS + end);
    // Both bounds in one gap: the clocks skipped the whole window.
    if (until <= from) continue;
    if (found !== null && from <= found.until) found = joined(found, until);
    else if (found !== null && found.until > at) return found;
    else found = { from, until, lastUntil: found === null ? null : found.until };
  }
  return found !== null && found.until > at ? found : null;
}

function joined(window: QuietWindow, until: number): QuietWindow {
  return { ...window, until: Math.max(window.until, until) };
}

function timeOfDay(time: string): number {
  const { hour, minute } = Temporal.PlainTime.from(time);
  return (hour * 60 + minute) * 60_000;
}

/** From `from` until `until` a zone's clocks show UTC plus `offset`, all in milliseconds. */
interface Stretch {
  readonly from: number;
  readonly until: number;
  readonly offset: number;
}

/**
 * What the clocks of a zone show, for a while. Local times are milliseconds as if they were UTC. (Temporal has its own
 * ways out of gaps, but shifts by their length; quiet hours want the instant in which a gap ends.)
 */
function localTime(timeZone: string, from: number, until: number) {
  const stretches = stretchesOf(timeZone, from, until);
  /** The first instant in which the clocks show this or later. */
  const first = (local: number): number => {
    for (const stretch of stretches) {
      const instant = Math.max(stretch.from, local - stretch.offset);
      if (instant < stretch.until) return instant;
    }
    return until;
  };
  /** The last instant in which they show just this; where they never do, the first one after it. */
  const last = (local: number): number => {
    const shown = stretches.map(({ offset }) => local - offset).filter((instant, at) => isWithin(instant, stretches[at]));
    return shown.at(-1) ?? first(local);
  };
  const dayOf = (at: number): number => {
    const offset = stretches.find((stretch) => isWithin(at, stretch))?.offset ?? 0;
    return Math.floor((at + offset) / DAY_MS);
  };
  return { first, last, dayOf };
}

function isWithin(at: number, stretch: Stretch | undefined): boolean {
  return stretch !== undefined && stretch.from <= at && at < stretch.until;
}

function stretchesOf(timeZone: string, from: number, until: number): readonly Stretch[] {
  const found: Stretch[] = [];
  let begin = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO(timeZone);
  for (;;) {
    const next = begin.getTimeZoneTransition('next');
    const end = next?.epochMilliseconds ?? Number.POSITIVE_INFINITY;
    found.push({ from: begin.epochMilliseconds, until: end, offset: begin.offsetNanoseconds / 1_000_000 });
    if (next === null || end >= until) return found;
    begin = next;
  }
}
