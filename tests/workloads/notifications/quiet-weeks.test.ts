import { expect, test } from '@jest/globals';
import { DAYS, type QuietHours } from '../../../src/ports/people.js';
import { type Seeded, seeded } from '../../support/seeded.js';
import { type Call, MARGIN_MS, PeopleWorld } from './people-world.js';
import { type QuietMinutes, shiftsOf, Timeline, timeOf } from './zone-oracle.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const PEOPLE = 300;
const EACH = 5;
/** Five weeks in which clocks are set forward (10 March in America, 31 March in Europe) or back (7 April in the south). */
const FROM = Date.UTC(2030, 2, 6);
const UNTIL = FROM + 35 * DAY;
/** A wake-up, a claim, a decision and an intent have been stored by then. */
const SOON_MS = 1000;

const ZONES = Intl.supportedValuesOf('timeZone');

interface Someone {
  readonly userId: string;
  readonly hours: QuietHours;
  readonly quiet: QuietMinutes;
  /** Instants at which their clocks are changed within these weeks. */
  readonly changes: readonly number[];
}

function someone(index: number, random: Seeded): Someone {
  const timeZone = ZONES[random.between(0, ZONES.length - 1)] ?? 'UTC';
  const start = random.between(0, 3) === 0 ? random.between(0, 1439) : 60 * random.between(0, 24);
  // A third of them around the hours in which clocks are changed; one in eight leaves a single minute of the day.
  const bounds = [
    [start, start + random.between(1, 1380)],
    [60 * random.between(0, 3) + 30, 60 * random.between(2, 4) + 45],
    [22 * 60, 7 * 60],
    [start, start - 1],
  ][random.between(0, 7) % 4] ?? [0, 60];
  const days = random.between(0, 2) === 0 ? random.shuffled(DAYS).slice(0, random.between(1, 6)) : DAYS;
  const hours = { start: timeOf(bounds[0] ?? 0), end: timeOf(bounds[1] ?? 60), timeZone, days };
  const shifts = shiftsOf(timeZone, FROM - 20 * DAY, UNTIL + 40 * DAY);
  const changes = shifts.map(({ at }) => at).filter((at) => at > FROM && at < UNTIL);
  return { userId: `user-${index}`, hours, quiet: new Timeline(shifts, FROM, 12, 75).quiet(hours), changes };
}

const iso = (at: number): string => new Date(at).toISOString();

/** When somebody with these quiet hours may first be reached, by the oracle. */
function reachable(quiet: QuietMinutes, at: number): number {
  const window = quiet.windowAt(at);
  return at >= window.from - MARGIN_MS ? reachable(quiet, window.until) : at;
}

/** At any time; or close to a bound of their quiet hours; or on the day on which their clocks are changed. */
function moment({ quiet, changes }: Someone, random: Seeded): number {
  const anywhen = FROM + random.between(0, UNTIL - FROM - DAY);
  const change = changes[random.between(0, Math.max(0, changes.length - 1))];
  const around = change !== undefined && random.between(0, 1) === 0 ? change + random.between(-12 * HOUR, 12 * HOUR) : anywhen;
  const window = quiet.windowAt(around);
  const near = [around, window.from, window.from - MARGIN_MS, window.until][random.between(0, 3)] ?? around;
  return near === around ? around : near + random.between(-100, 100);
}

/** What was wrong with one call, or null. `at`: when the notification was accepted. */
function judge(quiet: QuietMinutes, urgent: boolean, at: number, { begun, heard }: Call): string | null {
  if (!urgent && isQuiet(quiet, begun, heard)) return `was disturbed at ${iso(heard)}`;
  // What was accepted in the last moment before is decided in the first one after.
  const times = urgent ? [at] : [reachable(quiet, at), reachable(quiet, at + 50)];
  if (times.some((time) => begun >= time && begun <= time + SOON_MS)) return null;
  return `${times.map(iso).join(' or ')} was right, it was ${iso(begun)}`;
}

const isQuiet = (quiet: QuietMinutes, begun: number, heard: number): boolean => [begun, heard].some((at) => quiet.windowAt(at).from <= at);

function sendMuch(world: PeopleWorld, people: readonly Someone[], random: Seeded): void {
  for (const each of people) {
    world.choose(each.userId, { contacts: {}, channels: {}, categories: {}, quietHours: each.hours });
    for (let count = 0; count < EACH; count += 1) {
      world.send(moment(each, random), {
        userId: each.userId,
        channels: ['email'],
        priority: random.between(0, 4) === 0 ? 'urgent' : 'normal',
        category: random.between(0, 3) === 0 ? 'security' : 'orders',
        expiresAt: null,
        scheduledFor: null,
      });
    }
  }
}

test('In five weeks of changing clocks nobody is disturbed in their quiet hours but by what is urgent, and nobody waits a second longer', async () => {
  const random = seeded(7);
  const world = new PeopleWorld(7);
  const people = Array.from({ length: PEOPLE }, (_, index) => someone(index, random));
  sendMuch(world, people, random);
  expect(await world.run(UNTIL + 12 * DAY)).toEqual([]);

  const sent = new Map(world.accepted.map((each) => [each.id, each]));
  const byId = new Map(people.map((each) => [each.userId, each]));
  const wrong: string[] = [];
  let waited = 0;
  let urgentInQuiet = 0;
  for (const call of world.calls) {
    const { at, sent: notification } = sent.get(call.recordId) ?? {};
    const quiet = byId.get(notification?.userId ?? '')?.quiet;
    if (quiet === undefined || at === undefined) throw new Error(`who is ${call.recordId}?`);
    const urgent = notification?.priority === 'urgent';
    const fault = judge(quiet, urgent, at, call);
    if (fault !== null) wrong.push(`${notification?.userId}: ${fault}`);
    if (urgent && isQuiet(quiet, call.begun, call.heard)) urgentInQuiet += 1;
    if (call.begun > at + SOON_MS) waited += 1;
  }
  expect(wrong.slice(0, 10)).toEqual([]);
  expect(world.calls).toHaveLength(PEOPLE * EACH);
  // Not by never being asked: much had to wait, and much that was urgent did not.
  expect(waited).toBeGreaterThan(PEOPLE / 2);
  expect(urgentInQuiet).toBeGreaterThan(PEOPLE / 10);
}, 120_000);
