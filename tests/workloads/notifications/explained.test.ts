import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { identify } from '../../../src/ingress/identity.js';
import { type Choices, DAYS, type QuietHours } from '../../../src/ports/people.js';
import { explainRoutes } from '../../../src/workloads/notifications/explain-routes.js';
import { type Seeded, seeded } from '../../support/seeded.js';
import { type Inputs, Interpreter, type Outcome } from './interpreter.js';
import { BEGIN, PeopleWorld } from './people-world.js';
import { timeOf } from './zone-oracle.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const CASES = 2000;
const ZONES = Intl.supportedValuesOf('timeZone');
const CHANNELS = ['email', 'webhook', 'sms'];
const CATEGORIES = ['orders', 'news', 'security', 'account', 'constructor'];

interface Told {
  readonly name: string;
  readonly rule: string;
  readonly deliveryId?: string;
  readonly clock: string;
  readonly failure: boolean;
  readonly detail: Readonly<Record<string, string | number | boolean | null>>;
  readonly inputs?: Inputs;
  readonly wouldHaveChanged?: readonly {
    readonly change: string;
    readonly outcome: string;
    readonly inputs: Partial<Inputs>;
    readonly decision: Outcome;
  }[];
}

interface Explanation {
  readonly notificationId: string;
  readonly status: string;
  readonly deliveries: readonly { readonly deliveryId: string; readonly status: string; readonly failed: boolean }[];
  readonly events: readonly Told[];
}

function somebody(random: Seeded): Choices | null {
  const one = <T>(list: readonly T[]): T => list[random.between(0, list.length - 1)] as T;
  if (random.between(0, 9) === 0) return null;
  const off = <T extends string>(names: readonly T[]): Record<string, boolean> =>
    Object.fromEntries(names.filter(() => random.between(0, 2) === 0).map((name) => [name, random.between(0, 1) === 0]));
  const start = random.between(0, 1439);
  const lasts = random.between(0, 9) === 0 ? 1439 : random.between(1, 1439);
  const quietHours: QuietHours = {
    start: timeOf(start),
    end: timeOf(start + lasts),
    timeZone: random.between(0, 19) === 0 ? 'Mars/Olympus_Mons' : one(ZONES),
    days: random.between(0, 1) === 0 ? DAYS : random.shuffled(DAYS).slice(0, random.between(1, 6)),
  };
  return {
    contacts: {},
    channels: off(CHANNELS),
    categories: Object.fromEntries(CATEGORIES.filter(() => random.between(0, 3) === 0).map((name) => [name, off(CHANNELS)])),
    quietHours: random.between(0, 4) === 0 ? null : quietHours,
  };
}

function sendRandomly(world: PeopleWorld, random: Seeded): void {
  for (let index = 0; index < CASES; index += 1) {
    const choices = somebody(random);
    if (choices !== null) world.choose(`user-${index}`, choices);
    const at = BEGIN + random.between(0, 300 * DAY);
    const scheduledFor = random.between(0, 4) === 0 ? at + random.between(0, 2 * DAY) : null;
    world.send(at, {
      userId: `user-${index}`,
      channels: random.shuffled(CHANNELS).slice(0, random.between(1, 2)),
      priority: random.between(0, 3) === 0 ? 'urgent' : 'normal',
      category: CATEGORIES[random.between(0, CATEGORIES.length - 1)] ?? 'orders',
      expiresAt: random.between(0, 2) === 0 ? (scheduledFor ?? at) + random.between(1, 12 * HOUR) : null,
      scheduledFor,
    });
  }
}

/** Each looks at some ten thousand decisions. */
jest.setTimeout(120_000);

describe('Two thousand random people, notifications and times, explained to a client', () => {
  const interpreter = new Interpreter();
  let explanations: Explanation[] = [];
  let decisions: { readonly told: Told; readonly inputs: Inputs }[] = [];

  beforeAll(async () => {
    const world = new PeopleWorld(2);
    sendRandomly(world, seeded(2));
    const troubles = await world.run(BEGIN + 330 * DAY);
    expect(troubles).toEqual([]);
    const { reads } = world;
    const app = express().use(
      (asked, _answer, next) => {
        identify(asked, { tenant: 'default', principal: 'anonymous', scopes: new Set() });
        next();
      },
      explainRoutes({
        get: (key) => Promise.resolve(reads.get(key)),
        history: (key) => Promise.resolve(reads.history(key)),
        list: (query) => Promise.resolve(reads.list(query)),
      }),
    );
    for (let cursor = ''; ; ) {
      const { body } = await request(app).get(`/explain?limit=100${cursor}`).expect(200);
      explanations.push(...(body.data as Explanation[]));
      if (body.nextCursor === null) break;
      cursor = `&cursor=${String(body.nextCursor)}`;
    }
    decisions = explanations.flatMap(({ events }) =>
      events.flatMap((told) => (told.inputs?.now === undefined ? [] : [{ told, inputs: told.inputs }])),
    );
  });

  afterAll(() => {
    explanations = [];
    decisions = [];
  });

  test('lists each of them once, every delivery at rest', () => {
    expect(new Set(explanations.map((each) => each.notificationId)).size).toBe(CASES);
    expect(explanations).toHaveLength(CASES);
    const resting = new Set(explanations.flatMap((each) => each.deliveries.map(({ status }) => status)));
    expect([...resting].sort()).toEqual(['delivered', 'expired', 'skipped']);
  });

  test('each decision comes out the same when its inputs are judged again by an interpreter of its own', () => {
    const wrong = decisions.filter(({ told, inputs }) => !isSame(outcomeIn(told), clipped(interpreter.outcomeOf(inputs), inputs)));
    expect(wrong.slice(0, 3)).toEqual([]);
    expect(decisions.length).toBeGreaterThan(CASES);
    expect(new Set(decisions.map(({ told }) => told.rule))).toEqual(
      new Set(['due', 'expiry', 'quiet-hours', 'quiet-hours.urgent', 'preference.channel', 'preference.category', 'critical-category']),
    );
  });

  test('each change that is said to have made a difference makes that difference', () => {
    let changes = 0;
    const wrong: unknown[] = [];
    for (const { told, inputs } of decisions) {
      for (const { change, inputs: changed, decision } of told.wouldHaveChanged ?? []) {
        changes += 1;
        const expected = interpreter.outcomeOf({ ...inputs, ...changed });
        if (!isSame(expected, decision) || isSame(expected, interpreter.outcomeOf(inputs)))
          wrong.push({ change, inputs, expected, decision });
      }
    }
    expect(wrong.slice(0, 3)).toEqual([]);
    expect(changes).toBeGreaterThan(2 * CASES);
  });

  test('no single change that would have made a difference is left out', () => {
    const forgotten = decisions.flatMap(({ told, inputs }) => {
      const decided = interpreter.outcomeOf(inputs);
      const differing = singleChanges(inputs).filter((single) => !isSame(interpreter.outcomeOf({ ...inputs, ...single }), decided));
      return differing.filter((single) => !isTold(told, single)).map((single) => ({ single, inputs }));
    });
    expect(forgotten.slice(0, 3)).toEqual([]);
  });

  test('skipped and put off are never called failures, and are never tried again as such', () => {
    const events = explanations.flatMap((each) => each.events);
    expect(events.filter(({ name, failure }) => failure || name === 'retried')).toEqual([]);
    expect(explanations.flatMap((each) => each.deliveries).filter(({ failed }) => failed)).toEqual([]);
  });
});

function singleChanges(inputs: Inputs): readonly Partial<Inputs>[] {
  return [
    { priority: inputs.priority === 'urgent' ? 'normal' : 'urgent' },
    { critical: !inputs.critical },
    { channelOn: !inputs.channelOn },
    { categoryOn: !inputs.categoryOn },
    { expiresAt: null },
    { quietStart: null },
  ];
}

function isTold({ wouldHaveChanged = [] }: Told, single: Partial<Inputs>): boolean {
  const [name = ''] = Object.keys(single);
  return wouldHaveChanged.some(({ inputs }) => Object.hasOwn(inputs, name) && !Object.hasOwn(inputs, 'now'));
}

/** What the pipeline did, as the event tells it. */
function outcomeIn({ name, detail }: Told): Outcome {
  switch (name) {
    case 'attempted':
      return { kind: 'send' };
    case 'skipped':
      return { kind: 'skip' };
    case 'expired':
      return { kind: 'expire' };
    case 'deferred':
      return { kind: 'defer', until: new Date(Number(detail['until'])).toISOString() };
    default:
      throw new Error(`an event ${name} with inputs`);
  }
}

/** Nothing is put off beyond its end: it is looked at then. */
function clipped(outcome: Outcome, { expiresAt }: Inputs): Outcome {
  if (outcome.kind !== 'defer' || expiresAt === null || expiresAt > outcome.until) return outcome;
  return { kind: 'defer', until: expiresAt };
}

function isSame(one: Outcome, other: Outcome): boolean {
  return one.kind === other.kind && (one.kind !== 'defer' || other.kind !== 'defer' || one.until === other.until);
}
