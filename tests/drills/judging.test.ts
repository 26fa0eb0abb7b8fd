import { spawnSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { seeded } from '../support/seeded.js';
import { crashPlan, nameOf } from './crash-plan.js';
import type { ToldDelivery, ToldNotification } from './evidence.js';
import { judgeHeld } from './held.js';
import { type Cycle, recoveries } from './recovery.js';

const CYCLE: Cycle = {
  kill: 'kill -9 at random',
  reached: true,
  upMs: 1000,
  killedAt: 10_000,
  restartedAt: 10_100,
  readyAt: 10_600,
  startMs: 500,
  broken: 0,
};

const iso = (at: number): string => new Date(at).toISOString();

/** An e-mail that is held because the crash at 10,000 fell between intent and outcome. */
const HELD: ToldDelivery = {
  deliveryId: 'd',
  channel: 'email',
  recipient: 'a@example.org',
  status: 'held',
  reason: 'unknown.hold',
  operationId: 'o',
  generation: 1,
  redrives: 0,
  settledAt: iso(13_000),
  failure: { code: 'outcome_lost' },
  attempts: [
    { attempt: 1, operationId: 'o', startedAt: iso(9_990), endedAt: iso(13_000), durationMs: null, result: 'unknown', provider: 'smtp' },
  ],
};

function notification(...deliveries: readonly ToldDelivery[]): ToldNotification {
  return { notificationId: 'n', status: 'held', lock: { lockToken: 1, claims: 1 }, acceptedAt: iso(9_900), scheduledFor: null, deliveries };
}

function judge(delivery: ToldDelivery, listed: readonly string[] = ['d']) {
  const told = [notification(delivery)];
  return judgeHeld({ told, listed: new Set(listed), effects: new Set(['o']), cycles: [CYCLE], sendTimeoutMs: 2000 })[0];
}

function timedOut(durationMs: number): ToldDelivery {
  const [attempt] = HELD.attempts;
  return { ...HELD, failure: { code: 'timeout' }, attempts: attempt === undefined ? [] : [{ ...attempt, durationMs }] };
}

describe('A held delivery', () => {
  test('is right where a crash swallowed the outcome of an e-mail', () => {
    expect(judge(HELD)).toMatchObject({ wrong: null, cycle: 1, intentBeforeCrashMs: 10, atSink: true, timedOut: false });
  });

  test('is right where the relay did not answer in time', () => {
    expect(judge(timedOut(2000))).toMatchObject({ wrong: null, cycle: null, timedOut: true });
  });

  test.each([
    ['it is not listed', HELD, [], 'not listed at /api/v1/held'],
    ['it is a webhook', { ...HELD, channel: 'webhook' }, ['d'], 'never held'],
    ['the call was given up long before its time', timedOut(100), ['d'], 'held for timeout'],
    [
      'no crash came near it',
      { ...HELD, attempts: HELD.attempts.map((attempt) => ({ ...attempt, startedAt: iso(1000) })) },
      ['d'],
      'no crash fell',
    ],
  ])('is wrong where %s', (_title, delivery, listed, why) => {
    expect(judge(delivery, listed)?.wrong).toContain(why);
  });
});

describe('Recovery', () => {
  test('is counted from the start of the new process to the first effect, and to the last delivery of what was left over', () => {
    const delivered = { ...HELD, status: 'delivered', settledAt: iso(12_100) };
    const later = { ...notification({ ...delivered, settledAt: iso(99_000) }), acceptedAt: iso(20_000) };
    expect(recoveries([CYCLE], [9_000, 10_700, 11_000], [notification(delivered), later])).toEqual([
      { firstDeliveryMs: 600, drainedMs: 2000 },
    ]);
  });
});

describe('The plan of kills', () => {
  test('is half random, half at named moments, each once before any comes again, and the seed repeats it', () => {
    const plan = crashPlan(22, 200, seeded(5));
    expect(plan).toEqual(crashPlan(22, 200, seeded(5)));
    const named = plan.flatMap((kill) => (kill.kind === 'failpoint' ? [kill.name] : []));
    expect(named).toHaveLength(11);
    expect(new Set(named).size).toBe(11);
    expect(crashPlan(4, 200, seeded(6)).map(nameOf)).not.toEqual(crashPlan(4, 200, seeded(7)).map(nameOf));
  });
});

describe('npm run drill', () => {
  const drill = (...argv: readonly string[]) =>
    spawnSync(process.execPath, ['--import', 'tsx', 'tests/drills/run.ts', ...argv], { encoding: 'utf8' });

  test('explains itself', () => {
    const { status, stdout } = drill('--help');
    expect({ status, first: stdout.split('\n')[0] }).toEqual({
      status: 0,
      first: 'Drills: real processes, real faults, and a comparison of three ledgers at the end.',
    });
  });

  test.each([
    [['flood'], 'name one drill'],
    [['worker-crash', '--cycles', 'ten'], '--cycles must be a whole number'],
    [['worker-crash', '--bogus'], "Unknown option '--bogus'"],
  ])('does not understand %j, and says so in one line', (argv, why) => {
    const { status, stderr } = drill(...argv);
    expect({ status, lines: stderr.split('\n').length }).toEqual({ status: 2, lines: 2 });
    expect(stderr).toContain(why);
  });
});
