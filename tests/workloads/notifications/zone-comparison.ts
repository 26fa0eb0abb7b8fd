import { DAYS, type Day, type QuietHours } from '../../../src/ports/people.js';
import { createQuietCalendar, type NextWindow } from '../../../src/workloads/notifications/quiet-hours.js';
import { type Seeded, seeded } from '../../support/seeded.js';
import { type QuietMinutes, type Shift, type Span, shiftsOf, Timeline, timeOf } from './zone-oracle.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const FIRST = Date.UTC(2020, 0, 1);
const LAST = Date.UTC(2038, 0, 1);

export interface Counts {
  zones: number;
  transitions: number;
  gaps: number;
  folds: number;
  windows: number;
  comparisons: number;
  mismatches: number;
  /** The first few, to look at. */
  readonly examples: string[];
}

export interface Plan {
  readonly seed: number;
  /** All years, or of each zone one drawn at random. */
  readonly years: 'all' | 'one';
  /** How many quiet hours are laid against each transition, at most eleven. */
  readonly windows: number;
  onZone?(counts: Counts): void;
}

/** Every zone that Node knows × its transitions 2020–2037 × windows laid against them × instants around: calendar against oracle. */
export function compareZones(plan: Plan): Counts {
  const random = seeded(plan.seed);
  const nextWindow = createQuietCalendar();
  const counts: Counts = { zones: 0, transitions: 0, gaps: 0, folds: 0, windows: 0, comparisons: 0, mismatches: 0, examples: [] };
  for (const timeZone of ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')]) {
    compareZone(timeZone, plan, random, nextWindow, counts);
    counts.zones += 1;
    plan.onZone?.(counts);
  }
  return counts;
}

function compareZone(timeZone: string, plan: Plan, random: Seeded, nextWindow: NextWindow, counts: Counts): void {
  const year = random.between(2020, 2037);
  const [first, last] = plan.years === 'all' ? [FIRST, LAST] : [Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1)];
  const shifts = shiftsOf(timeZone, first - 60 * DAY, last + 60 * DAY);
  const changes = shifts.slice(1).filter(({ at }) => at >= first && at < last);
  // A zone whose clocks are never changed is looked at too, anywhere.
  const steady: Shift = { at: first + random.between(0, 365) * DAY, offset: shifts[0]?.offset ?? 0 };
  for (const change of changes.length === 0 ? [steady] : changes) {
    const before = shifts[shifts.indexOf(change) - 1]?.offset ?? change.offset;
    if (changes.length > 0) counts.transitions += 1;
    if (before < change.offset) counts.gaps += 1;
    if (before > change.offset) counts.folds += 1;
    const timeline = new Timeline(shifts, change.at, 12, 40);
    for (const hours of windowsAgainst(change, before, timeZone, random).slice(0, plan.windows)) {
      counts.windows += 1;
      const quiet = timeline.quiet(hours);
      for (const at of probes(change.at, quiet, random)) compare(hours, at, nextWindow(hours, at), quiet.windowAt(at), counts);
    }
  }
}

function compare(hours: QuietHours, at: number, got: Span | null, expected: Span, counts: Counts): void {
  counts.comparisons += 1;
  if (got?.from === expected.from && got.until === expected.until) return;
  counts.mismatches += 1;
  if (counts.examples.length >= 10) return;
  counts.examples.push(`${JSON.stringify(hours)} at ${iso(at)}: ${show(got)}, by the oracle ${show(expected)}`);
}

/** Quiet hours whose bounds lie before, at, inside and after what the clocks skip or show twice, and some anywhere. */
function windowsAgainst(change: Shift, offsetBefore: number, timeZone: string, random: Seeded): readonly QuietHours[] {
  const readings = [change.at + offsetBefore, change.at + change.offset].map((local) => (((local % DAY) + DAY) % DAY) / 60_000);
  const span = Math.abs(change.offset - offsetBefore) / 60_000;
  const low = change.offset >= offsetBefore ? (readings[0] ?? 0) : (readings[1] ?? 0);
  const high = low + span;
  const inside = low + random.between(0, Math.max(1, span - 1));
  const anywhere = random.between(0, 1439);
  const edges = [low - 1, low, low + 1, inside, high - 1, high, high + 1];
  const edge = (): number => edges[random.between(0, edges.length - 1)] ?? low;
  const away = random.between(30, 12 * 60);
  const bounds: readonly (readonly [number, number])[] = [
    [inside, inside + away],
    [inside - away, inside],
    [low, high],
    [low + 1, high - 1],
    [high - 1, low + 1],
    [high, low],
    [inside + 1, inside],
    [edge(), edge()],
    [edge(), anywhere],
    [anywhere, edge()],
    [anywhere, random.between(0, 1439)],
  ];
  // The local day on which the clocks are changed; which of two it is does not matter here.
  const name = DAYS[(Math.floor((change.at + offsetBefore) / DAY) + 3) % 7] ?? 'sun';
  return random
    .shuffled(bounds)
    .filter(([start, end]) => timeOf(start) !== timeOf(end))
    .map(([start, end]) => ({ start: timeOf(start), end: timeOf(end), timeZone, days: someDays(name, random) }));
}

function someDays(changed: Day, random: Seeded): readonly Day[] {
  const dayBefore = DAYS[(DAYS.indexOf(changed) + 6) % 7] ?? changed;
  switch (random.between(0, 5)) {
    case 0:
      return [changed];
    case 1:
      return [dayBefore];
    case 2:
      return DAYS.filter((day) => day !== changed);
    case 3:
      return random.shuffled(DAYS).slice(0, random.between(1, 6));
    default:
      return DAYS;
  }
}

function probes(change: number, quiet: QuietMinutes, random: Seeded): readonly number[] {
  const last = quiet.windowAt(change - DAY);
  const now = quiet.windowAt(change);
  const next = quiet.windowAt(now.until);
  const bounds = [last, now, next].flatMap((window) => [window.from - 1, window.from, window.until - 1, window.until]);
  const around = Array.from({ length: 6 }, () => change + random.between(-40 * HOUR, 40 * HOUR));
  return random.shuffled([change - 1, change, change + 1, ...bounds, ...around]);
}

const iso = (at: number): string => new Date(at).toISOString();

const show = (window: Span | null): string => (window === null ? 'no window' : `${iso(window.from)} to ${iso(window.until)}`);
