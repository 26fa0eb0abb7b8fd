import { Temporal } from 'temporal-polyfill';
import { DAYS, type QuietHours } from '../../ports/people.js';

/** From when (inclusive) until when (exclusive) a person is not to be disturbed, milliseconds since the epoch. */
export interface QuietWindow {
  readonly from: number;
  readonly until: number;
  /** Since the end of the window before it; null where there was none for days. */
  readonly breakMs: number | null;
}

export type NextWindow = (hours: QuietHours, at: number) => QuietWindow | null;

/** A window that began this many local days ago may still last: one day for midnight, one for a clock set back over it, one for the break before. */
const LOOK_BACK_DAYS = 3;
/** A week holds every day that can be named; the rest bounds how many windows are joined to one. */
const LOOK_AHEAD_DAYS = 16;

/**
 * The window that lasts at `at`, or else the next one to come; null where no day is named. Windows that touch or overlap
 * (clocks are changed between them) are one. A bound that the clocks skip is the first instant after the gap; where they
 * show it twice, a window starts at the first and ends at the second: in doubt nobody is disturbed.
 *
 * Pure. This module is loaded with the first person who has quiet hours, since the calendar behind it is not small.
 * @throws RangeError where zone or bounds mean nothing here
 */
export const nextWindow: NextWindow = (hours, at) => {
  const today = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(hours.timeZone).toPlainDate();
  const start = Temporal.PlainTime.from(hours.start);
  const end = Temporal.PlainTime.from(hours.end);
  const overnight = Temporal.PlainTime.compare(end, start) <= 0;
  let found: QuietWindow | null = null;
  for (let ahead = -LOOK_BACK_DAYS; ahead <= LOOK_AHEAD_DAYS; ahead += 1) {
    const day = today.add({ days: ahead });
    const name = DAYS[day.dayOfWeek - 1];
    if (name === undefined || !hours.days.includes(name)) continue;
    const from = startOf(day.toPlainDateTime(start), hours.timeZone);
    const until = endOf((overnight ? day.add({ days: 1 }) : day).toPlainDateTime(end), hours.timeZone);
    // Both bounds in one gap: the clocks skipped the whole window.
    if (until <= from) continue;
    if (found !== null && from <= found.until) found = joined(found, until);
    else if (found !== null && found.until > at) return found;
    else found = { from, until, breakMs: found === null ? null : from - found.until };
  }
  return found !== null && found.until > at ? found : null;
};

function joined(window: QuietWindow, until: number): QuietWindow {
  return { ...window, until: Math.max(window.until, until) };
}

function startOf(local: Temporal.PlainDateTime, timeZone: string): number {
  return instantOf(local, timeZone, 'earlier');
}

function endOf(local: Temporal.PlainDateTime, timeZone: string): number {
  return instantOf(local, timeZone, 'later');
}

/** Temporal's own ways out of a gap shift the time by its length; quiet hours want the instant in which the gap ends. */
function instantOf(local: Temporal.PlainDateTime, timeZone: string, disambiguation: 'earlier' | 'later'): number {
  const instant = local.toZonedDateTime(timeZone, { disambiguation });
  if (instant.toPlainDateTime().equals(local)) return instant.epochMilliseconds;
  const before = local.toZonedDateTime(timeZone, { disambiguation: 'earlier' });
  return (before.getTimeZoneTransition('next') ?? instant).epochMilliseconds;
}
