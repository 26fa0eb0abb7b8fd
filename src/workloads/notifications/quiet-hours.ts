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

/** A window that began this many local days ago may still last: one day for midnight, one for a clock set back over it, one for the break before. */
const LOOK_BACK_DAYS = 3;
/** A week holds every day that can be named; the rest bounds how many windows are joined to one. */
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
  const today = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(hours.timeZone).toPlainDate();
  const start = Temporal.PlainTime.from(hours.start);
  const end = Temporal.PlainTime.from(hours.end);
  const overnight = Temporal.PlainTime.compare(end, start) <= 0;
  let found: QuietWindow | null = null;
  for (let ahead = -LOOK_BACK_DAYS; ahead <= LOOK_AHEAD_DAYS; ahead += 1) {
    const day = today.add({ days: ahead });
    const name = DAYS[day.dayOfWeek - 1];
    if (name === undefined || !hours.days.includes(name)) continue;
    const from = instantOf(day.toPlainDateTime(start), hours.timeZone, 'earlier');
    const until = instantOf((overnight ? day.add({ days: 1 }) : day).toPlainDateTime(end), hours.timeZone, 'later');
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

/** Temporal's own ways out of a gap shift the time by its length; quiet hours want the instant in which the gap ends. */
function instantOf(local: Temporal.PlainDateTime, timeZone: string, disambiguation: 'earlier' | 'later'): number {
  const instant = local.toZonedDateTime(timeZone, { disambiguation });
  if (instant.toPlainDateTime().equals(local)) return instant.epochMilliseconds;
  const before = local.toZonedDateTime(timeZone, { disambiguation: 'earlier' });
  return (before.getTimeZoneTransition('next') ?? instant).epochMilliseconds;
}
