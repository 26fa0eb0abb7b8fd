import { describe, expect, test } from '@jest/globals';
import type { Fed } from '../../src/cli/demo/feed.js';
import { isClean, type Summary, summarise, type Told, type ToldDelivery, type Witnesses } from '../../src/cli/demo/verdict.js';

const ACCEPTED_AT = '2026-01-01T00:00:00.000Z';

function delivery(channel: string, operationId: string, change: Partial<ToldDelivery> = {}): ToldDelivery {
  return {
    deliveryId: operationId,
    channel,
    operationId,
    status: 'delivered',
    reason: null,
    settledAt: '2026-01-01T00:00:00.100Z',
    ...change,
  };
}

/** One notification by e-mail and webhook, delivered and seen once each, with one repeat that was recognised. */
const SOUND = {
  fed: {
    answered: [{ alert: { key: 'k', userId: 'ada', urgent: false, channels: ['email', 'webhook'], request: {} }, id: 'one', known: false }],
    repeats: 1,
    recognised: 1,
    refused: [],
  } satisfies Fed as Fed,
  told: new Map<string, Told | null>([
    ['one', { acceptedAt: ACCEPTED_AT, deliveries: [delivery('email', 'a'), delivery('webhook', 'b')] }],
  ]),
  taken: { a: 1, b: 1 } as Record<string, number>,
  missed: 0,
  rules: new Map() as Witnesses['rules'],
  quietUntil: new Map() as Witnesses['quietUntil'],
  released: new Set() as Witnesses['released'],
};

function judge(change: Partial<typeof SOUND>): Summary {
  const { taken, ...witnesses } = { ...SOUND, ...change };
  return summarise({ ...witnesses, timesTaken: (operationId) => taken[operationId] ?? 0 });
}

function told(...deliveries: readonly ToldDelivery[]): ReadonlyMap<string, Told | null> & Map<string, Told | null> {
  return new Map([['one', { acceptedAt: ACCEPTED_AT, deliveries }]]);
}

describe('The verdict of the demo', () => {
  test('is good where all three agree', () => {
    const summary = judge({});
    expect(isClean(summary)).toBe(true);
    expect(summary).toMatchObject({ deliveries: 2, delivered: 2, lost: 0, duplicates: 0, ratePerSecond: 20 });
    expect(summary.latencyMs).toEqual({ avg: 100, p50: 100, p95: 100, p99: 100 });
  });

  test.each<[string, Partial<typeof SOUND>, Partial<Summary>]>([
    ['a delivered e-mail that the receiver never saw is lost', { taken: { b: 1 } }, { lost: 1 }],
    [
      'a notification that the server does not know any more is lost with all its deliveries',
      { told: new Map([['one', null]]) },
      { lost: 2 },
    ],
    ['a delivery that is missing from its notification is lost', { told: told(delivery('email', 'a')) }, { lost: 1 }],
    ['an e-mail that came twice is a duplicate', { taken: { a: 2, b: 1 } }, { duplicates: 1 }],
    ['a repeat that was not recognised is a duplicate', { fed: { ...SOUND.fed, recognised: 0 } }, { duplicates: 1 }],
    [
      'what is still open is not at rest',
      { told: told(delivery('email', 'a'), delivery('webhook', 'b', { status: 'deferred', settledAt: null })) },
      { open: 1, delivered: 1 },
    ],
    [
      'what was sent in quiet hours disturbed somebody',
      { quietUntil: new Map([['ada', Date.parse('2026-01-01T07:00:00Z')]]) },
      { disturbed: 2, delivered: 2 },
    ],
    ['a post that was refused is told', { fed: { ...SOUND.fed, refused: ['k: no'] } }, { notificationsRefused: 1 }],
  ])('is bad: %s', (_title, change, expected) => {
    const summary = judge(change);
    expect(summary).toMatchObject(expected);
    expect(isClean(summary)).toBe(false);
  });

  test('counts a webhook that came twice as absorbed and not as a duplicate', () => {
    expect(judge({ taken: { a: 1, b: 3 } })).toMatchObject({ absorbed: 2, duplicates: 0 });
  });

  test('counts what was skipped by its rule, and what waited for the end of quiet hours, which is not slow for that', () => {
    const summary = judge({
      told: told(delivery('email', 'a', { status: 'skipped', reason: 'preference.channel' }), delivery('webhook', 'b')),
      taken: { b: 1 },
      rules: new Map([['b', new Set(['quiet-hours', 'preferences.changed', 'due'])]]),
      released: new Set(['b']),
    });
    expect(summary).toMatchObject({ skipped: { 'preference.channel': 1 }, delivered: 1, deferred: 1, released: 1, open: 0, lost: 0 });
    expect(summary).toMatchObject({ ratePerSecond: 0, latencyMs: { avg: 0 } });
    expect(isClean(summary)).toBe(true);
  });

  test('lets urgent ones through quiet hours', () => {
    const [answer] = SOUND.fed.answered;
    if (answer === undefined) throw new Error('there is one');
    const summary = judge({
      fed: { ...SOUND.fed, answered: [{ ...answer, alert: { ...answer.alert, urgent: true } }] },
      rules: new Map([['a', new Set(['quiet-hours.urgent'])]]),
      quietUntil: new Map([['ada', Number.POSITIVE_INFINITY]]),
    });
    expect(summary).toMatchObject({ urgentInQuietHours: 1, disturbed: 0 });
  });

  test('does not call lost what may have gone by unseen', () => {
    expect(judge({ taken: {}, missed: 5 })).toMatchObject({ lost: 0, notCompared: 2 });
  });

  test('counts what an earlier run had sent for itself only', () => {
    const known: Fed = { ...SOUND.fed, answered: SOUND.fed.answered.map((answer) => ({ ...answer, known: true })) };
    expect(judge({ fed: known, taken: {} })).toMatchObject({ notificationsKnown: 1, notificationsAccepted: 0, deliveries: 0, lost: 0 });
  });
});
