import type { Clock, Timers } from '../ports/clock.js';
import type { Duties } from '../ports/duties.js';
import type { Outbox, PendingWakeUp } from '../ports/outbox.js';
import type { WakeUpQueue } from '../ports/queue.js';
import type { Watch } from '../ports/watch.js';
import { createDuty, DUTY_CHECK_MS } from './duty.js';
import { createLoop } from './loop.js';
import type { PipelineSettings } from './settings.js';

/** More than this is left to the sweeper, which finds it in the store: memory stays bounded while a broker is away. */
const OFFERED_AT_MOST = 10_000;
const SCAN_LIMIT = 500;
/** A queue in which more than this waits is behind; it is asked so often, and then what it has been given is given again so much later. */
const BEHIND = 500;
const DEPTH_CHECK_MS = 1000;
const PATIENCE = 10;
/** After trouble with store or queue, the sweeper looks again this soon. */
const TROUBLE_PAUSE_MS = 1000;
/** What was published without an answer is there all the same, and comes once more: until one is heard, so few are tried. */
const TRIED_AFTER_TROUBLE = 10;
const MORE_EACH_TIME = 5;
const EXPECTED_AT_MOST = 1000;
/** Expectations closer together than this are one. */
const EXPECT_GRAIN_MS = 50;

/**
 * Brings wake-ups from the outbox to the queue: at once for what was just accepted, and by the sweeper for everything
 * else that is due and not leased (scheduled, deferred, a dead worker's, lost by a broker).
 * Publish first, mark after: a crash between the two wakes twice, and the claim decides.
 */
export interface Relay {
  start(): void;
  stop(): Promise<void>;
  /** This record was accepted or amended just now and is due. */
  offer(wakeUp: PendingWakeUp): void;
  /** Something falls due in so many milliseconds: be there. */
  expect(inMs: number): void;
}

interface Deps {
  readonly outbox: Outbox;
  readonly queue: WakeUpQueue;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly watch: Watch;
  readonly settings: PipelineSettings;
  readonly worker: string;
  readonly duties?: Duties;
  readonly mayHold?: ReadonlySet<string>;
}

export function createRelay(deps: Deps): Relay {
  const { outbox, queue, watch } = deps;
  let offered: PendingWakeUp[] = [];
  let started = false;
  let relaying: Promise<void> | undefined;

  const publish = async (wakeUps: readonly PendingWakeUp[], by: 'accept' | 'sweeper'): Promise<void> => {
    await queue.publish(wakeUps);
    await outbox.published(wakeUps);
    watch({ kind: 'published', count: wakeUps.length, by });
  };
  const sweeper = createSweeper(deps, (wakeUps) => publish(wakeUps, 'sweeper'));

  const relayOffered = async (): Promise<void> => {
    while (offered.length > 0) {
      const batch = offered;
      offered = [];
      try {
        await publish(batch, 'accept');
      } catch (error) {
        // Nothing is lost: the records say `publish: pending`, and the sweeper reads them.
        watch({ kind: 'trouble', where: 'relay.publish', error });
        sweeper.nudge(TROUBLE_PAUSE_MS);
      }
    }
    relaying = undefined;
  };

  return {
    start() {
      started = true;
      sweeper.start();
    },
    async stop() {
      started = false;
      await sweeper.stop();
      await relaying;
      await sweeper.giveUp();
    },
    offer(wakeUp) {
      if (!started) return;
      if (offered.length >= OFFERED_AT_MOST) return sweeper.nudge(TROUBLE_PAUSE_MS);
      offered.push(wakeUp);
      relaying ??= relayOffered();
    },
    expect: sweeper.nudge,
  };
}

/** Looks for what is due: all of it where that is our duty, and where it is not, when something is due that we put off ourselves. */
function createSweeper(deps: Deps, publish: (wakeUps: readonly PendingWakeUp[]) => Promise<void>) {
  const { outbox, watch, settings, clock } = deps;
  const duty = createDuty(deps, 'sweeper');
  const behind = createDepthCheck(deps);
  const own = createExpectations();
  let scanAt = Number.NEGATIVE_INFINITY;
  let most = SCAN_LIMIT;

  const sweep = async (): Promise<number> => {
    try {
      const onDuty = await duty.mine();
      const now = clock.monotonic();
      // Not on duty, we are here for what we put off ourselves, and leave the rest to whoever is.
      const wait = Math.min(onDuty ? scanAt : Number.POSITIVE_INFINITY, own.next()) - now;
      if (wait > 0) return Math.min(wait, DUTY_CHECK_MS);
      // What is put off from here on is looked for anew.
      scanAt = Number.POSITIVE_INFINITY;
      own.forget(now);
      const scan = await outbox.due(most, settings.republishAfterMs * ((await behind()) ? PATIENCE : 1));
      if (scan.wakeUps.length > 0) await publish(scan.wakeUps);
      most = Math.min(SCAN_LIMIT, most * MORE_EACH_TIME);
      const sleepMs = Math.min(scan.nextInMs ?? settings.pollIntervalMs, settings.pollIntervalMs);
      scanAt = Math.min(scanAt, clock.monotonic() + sleepMs);
      if (sleepMs === 0) own.add(now);
      return onDuty ? sleepMs : Math.min(own.next() - clock.monotonic(), DUTY_CHECK_MS);
    } catch (error) {
      most = TRIED_AFTER_TROUBLE;
      scanAt = Number.NEGATIVE_INFINITY;
      own.add(clock.monotonic());
      watch({ kind: 'trouble', where: 'sweeper', error });
      return TROUBLE_PAUSE_MS;
    }
  };
  const loop = createLoop(deps.clock, deps.timers, sweep);

  return {
    start: loop.start,
    stop: loop.stop,
    giveUp: duty.giveUp,
    nudge(inMs: number): void {
      const at = clock.monotonic() + Math.max(0, inMs);
      scanAt = Math.min(scanAt, at);
      own.add(at);
      loop.nudge(inMs);
    },
  };
}

/**
 * Whether the queue holds more than it is likely to have lost. What waits in it long then waits for workers, not for a second
 * wake-up: each of those would be a claim for nothing, and the more there are the longer everything waits.
 */
function createDepthCheck({ queue, clock, watch }: Pick<Deps, 'queue' | 'clock' | 'watch'>): () => Promise<boolean> {
  let behind = false;
  let askAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (clock.monotonic() < askAt) return behind;
    askAt = clock.monotonic() + DEPTH_CHECK_MS;
    try {
      behind = (await queue.depth()).waiting > BEHIND;
    } catch (error) {
      // Its depth is a hint: what is due is looked for and published all the same, where that is possible.
      watch({ kind: 'trouble', where: 'queue.depth', error });
      behind = false;
    }
    return behind;
  };
}

/** When what this process put off falls due, on the monotonic clock. Bounded: what is beyond is found by the regular look. */
function createExpectations() {
  const times = new Set<number>();
  return {
    add(at: number): void {
      if (times.size < EXPECTED_AT_MOST) times.add(Math.ceil(at / EXPECT_GRAIN_MS) * EXPECT_GRAIN_MS);
    },
    next: (): number => Math.min(...times),
    forget(until: number): void {
      for (const at of times) if (at <= until) times.delete(at);
    },
  };
}
