import { DAYS, type QuietHours } from '../../../src/ports/people.js';

/**
 * Quiet hours found the long way, to judge the short one by: offsets from `Intl.DateTimeFormat`, the moments in which they
 * change by halving, and every minute of some weeks marked quiet or not. Nothing here knows the calendar that is judged.
 */

const MINUTE = 60_000;
const DAY = 86_400_000;

/** From `at` on, the zone's clocks show UTC plus `offset` (both in milliseconds). */
export interface Shift {
  readonly at: number;
  readonly offset: number;
}

/** Making one takes longer than using it a hundred times. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(timeZone, format);
  return format;
}

/** Reads a zone's offset off a formatted date. */
function offsetsOf(timeZone: string): (at: number) => number {
  const format = formatOf(timeZone);
  return (at) => {
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = (format.format(at).match(/\d+/g) ?? []).map(Number);
    return Date.UTC(year, month - 1, day, hour, minute, second) - (at - (((at % 1000) + 1000) % 1000));
  };
}

/** All changes of a zone's offset in a span of time, the first entry being what held at its beginning. */
export function shiftsOf(timeZone: string, from: number, until: number): readonly Shift[] {
  const offsetAt = offsetsOf(timeZone);
  let before = offsetAt(from);
  const shifts: Shift[] = [{ at: from, offset: before }];
  // No zone keeps an offset for less than some weeks (Morocco's Ramadan is the shortest), so four days miss nothing.
  for (let at = from; at < until; at += 4 * DAY) {
    const end = Math.min(at + 4 * DAY, until);
    const after = offsetAt(end);
    if (before === after) continue;
    let low = at;
    let high = end;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (offsetAt(middle) === before) low = middle;
      else high = middle;
    }
    if (high % MINUTE !== 0 || after % MINUTE !== 0) throw new Error(`${timeZone} changes within a minute: the scan would miss it`);
    shifts.push({ at: high, offset: after });
    before = after;
  }
  return shifts;
}

function offsetIn(shifts: readonly Shift[], at: number): number {
  let offset = shifts[0]?.offset ?? 0;
  for (const shift of shifts) if (shift.at <= at) offset = shift.offset;
  return offset;
}

export interface Span {
  readonly from: number;
  readonly until: number;
}

/** The minutes of a few weeks in one zone. */
export class Timeline {
  /** What the zone's clocks show in each minute, in minutes since 1970 as if they were UTC. */
  private readonly local: Int32Array;
  private readonly begin: number;

  constructor(shifts: readonly Shift[], around: number, daysBefore: number, daysAfter: number) {
    this.begin = Math.floor(around / DAY - daysBefore) * DAY;
    const minutes = (daysBefore + daysAfter + 1) * 1440;
    this.local = new Int32Array(minutes);
    let next = 0;
    let offset = offsetIn(shifts, this.begin);
    while (next < shifts.length && (shifts[next]?.at ?? 0) <= this.begin) next += 1;
    for (let minute = 0; minute < minutes; minute += 1) {
      const at = this.begin + minute * MINUTE;
      const shift = shifts[next];
      if (shift !== undefined && at >= shift.at) {
        offset = shift.offset;
        next += 1;
      }
      this.local[minute] = (at + offset) / MINUTE;
    }
  }

  /** Every minute of quiet, marked; for all local days that lie wholly inside. */
  quiet(hours: QuietHours): QuietMinutes {
    const marks = new Uint8Array(this.local.length);
    const start = minuteOf(hours.start);
    const end = minuteOf(hours.end) + (minuteOf(hours.end) <= minuteOf(hours.start) ? 1440 : 0);
    const firstDay = Math.ceil((this.local[0] ?? 0) / 1440) + 1;
    const lastDay = Math.floor((this.local[this.local.length - 1] ?? 0) / 1440) - 2;
    for (let day = firstDay; day <= lastDay; day += 1) {
      // 1970-01-01 was a Thursday.
      const name = DAYS[(day + 3) % 7];
      if (name === undefined || !hours.days.includes(name)) continue;
      marks.fill(1, this.firstFrom(day * 1440 + start), Math.max(this.firstFrom(day * 1440 + start), this.lastAt(day * 1440 + end)));
    }
    return new QuietMinutes(marks, this.begin);
  }

  /** The first minute in which the clocks show this or later. */
  private firstFrom(bound: number): number {
    for (let minute = this.nearby(bound); ; minute += 1) if ((this.local[minute] ?? Number.POSITIVE_INFINITY) >= bound) return minute;
  }

  /** The last minute in which the clocks show just this; where they never do, the first after it. */
  private lastAt(bound: number): number {
    const from = this.nearby(bound);
    for (let minute = from + 2 * NEARBY; minute >= from; minute -= 1) if (this.local[minute] === bound) return minute;
    return this.firstFrom(bound);
  }

  /** So early that the clocks cannot have shown it yet. */
  private nearby(bound: number): number {
    const first = this.local[0] ?? 0;
    return Math.max(0, bound - first - NEARBY);
  }
}

/** More minutes than all changes of a few weeks can add up to. */
const NEARBY = 6 * 60;

export class QuietMinutes {
  /** Every run of quiet minutes. */
  private readonly runs: readonly Span[];
  private readonly end: number;

  constructor(marks: Uint8Array, begin: number) {
    const runs: Span[] = [];
    for (let from = marks.indexOf(1); from >= 0; ) {
      const next = marks.indexOf(0, from);
      const until = next < 0 ? marks.length : next;
      runs.push({ from: begin + from * MINUTE, until: begin + until * MINUTE });
      from = marks.indexOf(1, until);
    }
    this.runs = runs;
    this.end = begin + marks.length * MINUTE;
  }

  /** The run of quiet minutes that lasts at this instant, or else the next one. */
  windowAt(at: number): Span {
    const run = this.runs.find(({ until }) => at < until);
    if (run === undefined || run.until > this.end - DAY)
      throw new Error('the weeks that were scanned end before the next window: scan more');
    return run;
  }
}

function minuteOf(time: string): number {
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  return hour * 60 + minute;
}

/** `HH:MM` of a minute of the day; any whole number is taken. */
export function timeOf(minute: number): string {
  const within = ((minute % 1440) + 1440) % 1440;
  return `${String(Math.floor(within / 60)).padStart(2, '0')}:${String(within % 60).padStart(2, '0')}`;
}
