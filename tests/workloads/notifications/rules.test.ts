import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { DAYS } from '../../../src/ports/people.js';
import { createQuietCalendar } from '../../../src/workloads/notifications/quiet-hours.js';
import { REASONS } from '../../../src/workloads/notifications/reasons.js';
import { evaluate, type Facts, NO_QUIET_HOURS, quietFacts } from '../../../src/workloads/notifications/rules.js';
import { whatIfs } from '../../../src/workloads/notifications/what-if.js';

const NOON = Date.UTC(2026, 11, 1, 12);
const HOUR = 3_600_000;
const MARGIN_MS = 11_000;

const PLAIN: Facts = {
  now: NOON,
  priority: 'normal',
  category: 'orders',
  channel: 'email',
  critical: false,
  expiresAt: null,
  personVersion: 1,
  channelOn: true,
  categoryOn: true,
  ...NO_QUIET_HOURS,
};

const QUIET = { quietFrom: NOON - HOUR, quietUntil: NOON + HOUR, quietMarginMs: MARGIN_MS };
const OFF = { channelOn: false };

describe('The rules count in their order', () => {
  test.each<[string, Partial<Facts>, string]>([
    ['what is due is sent', {}, 'send due'],
    ['what has run out expires, whatever else there is', { ...QUIET, ...OFF, expiresAt: NOON }, 'expire expiry'],
    ['a channel that is off is not used, in quiet hours or not', { ...QUIET, ...OFF }, 'skip preference.channel'],
    ['the channel comes before the category', { ...OFF, categoryOn: false }, 'skip preference.channel'],
    ['a category that is off is not sent', { categoryOn: false, priority: 'urgent' }, 'skip preference.category'],
    ['a critical category cannot be switched off', { ...OFF, critical: true }, 'send critical-category'],
    ['a critical category keeps to quiet hours', { ...QUIET, ...OFF, critical: true }, 'defer quiet-hours'],
    ['what is urgent passes quiet hours', { ...QUIET, priority: 'urgent' }, 'send quiet-hours.urgent'],
    ['the first instant after quiet hours is free', { ...QUIET, quietUntil: NOON }, 'send due'],
    ['what could last into quiet hours is not begun', { ...QUIET, quietFrom: NOON + MARGIN_MS }, 'defer quiet-hours'],
    ['what ends before quiet hours is begun', { ...QUIET, quietFrom: NOON + MARGIN_MS + 1 }, 'send due'],
  ])('%s', (_title, facts, expected) => {
    const { kind, rule } = evaluate({ ...PLAIN, ...facts });
    expect(`${kind} ${rule}`).toBe(expected);
  });
});

describe('Quiet hours among the facts', () => {
  const hours = { start: '22:00', end: '07:00', timeZone: 'Etc/UTC', days: DAYS };

  test('are the window that comes next, and how much is kept free before it', () => {
    const facts = quietFacts(hours, createQuietCalendar(), NOON, MARGIN_MS);
    expect(facts).toMatchObject({
      quietFrom: NOON + 10 * HOUR,
      quietUntil: NOON + 19 * HOUR,
      quietMarginMs: MARGIN_MS,
      quietProblem: null,
    });
  });

  test('of a zone that is not known here do not count, and the facts say so', () => {
    const facts = { ...PLAIN, ...quietFacts({ ...hours, timeZone: 'Mars/Olympus' }, createQuietCalendar(), NOON + 11 * HOUR, MARGIN_MS) };
    expect(facts).toMatchObject({ quietProblem: 'time-zone-unknown', quietFrom: null, quietTimeZone: 'Mars/Olympus' });
    expect(evaluate(facts)).toEqual({ kind: 'send', rule: 'due' });
  });

  test('that leave one minute of the day leave half of it, however long a call may take', () => {
    const nearly = { ...hours, start: '07:01', end: '07:00' };
    const facts = quietFacts(nearly, createQuietCalendar(), Date.UTC(2026, 11, 2, 7), 3 * HOUR);
    expect(facts.quietMarginMs).toBe(30_000);
    expect(evaluate({ ...PLAIN, now: Date.UTC(2026, 11, 2, 7), ...facts })).toEqual({ kind: 'send', rule: 'due' });
  });

  test('of no day are none', () => {
    expect(createQuietCalendar()({ ...hours, days: [] }, NOON)).toBeNull();
  });

  test('end an hour later by the clock of the sun when clocks are set forward within them', () => {
    const lisbon = { ...hours, timeZone: 'Europe/Lisbon' };
    const window = createQuietCalendar()(lisbon, Date.UTC(2026, 2, 29, 1, 30));
    expect(window).toMatchObject({ from: Date.UTC(2026, 2, 28, 22), until: Date.UTC(2026, 2, 29, 6) });
  });
});

describe('What would have changed a decision', () => {
  test('is told for each thing that alone would have', () => {
    const facts = { ...PLAIN, ...QUIET, ...OFF };
    expect(whatIfs(facts, null).map(({ change, outcome }) => `${change}: ${outcome}`)).toEqual([
      `with a category that nobody can switch off (CRITICAL_CATEGORIES): put off until ${new Date(NOON + HOUR).toISOString()} (quiet-hours)`,
      `with the channel email switched on: put off until ${new Date(NOON + HOUR).toISOString()} (quiet-hours)`,
      `with the channel and the category switched on: put off until ${new Date(NOON + HOUR).toISOString()} (quiet-hours)`,
    ]);
  });

  test('is known for every rule that the pipeline has', () => {
    const sources = readdirSync('src/pipeline').map((file) => readFileSync(`src/pipeline/${file}`, 'utf8'));
    const families =
      'accept|breaker|cancel|channel|claim|claims|desk|effect|lease|preferences|provider|rate|retries|retry|throttles|unknown|workload';
    const named = sources.flatMap((source) => source.match(new RegExp(`'(${families})\\.[a-z-]+'`, 'g')) ?? []);
    // Not rules of events: places of trouble, and a delivery's reason.
    const others = ['lease.commit', 'lease.renew', 'desk.redriven', 'desk.discarded'];
    const rules = new Set(named.map((quoted) => quoted.slice(1, -1)).filter((name) => !others.includes(name)));
    expect([...rules].filter((rule) => REASONS[rule] === undefined)).toEqual([]);
    expect(rules.size).toBeGreaterThan(15);
  });
});
