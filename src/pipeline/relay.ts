import type { Clock, Timers } from '../ports/clock.js';
import type { Outbox, PendingWakeUp } from '../ports/outbox.js';
import type { WakeUpQueue } from '../ports/queue.js';
import type { Watch } from '../ports/watch.js';
import { createLoop } from './loop.js';
import type { PipelineSettings } from './settings.js';

/** More than this is left to the sweeper, which finds it in the store: memory stays bounded while a broker is away. */
const OFFERED_AT_MOST = 10_000;
const SCAN_LIMIT = 500;
/** After trouble with store or queue, the sweeper looks again this soon. */
const TROUBLE_PAUSE_MS = 1000;

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
}

export function createRelay(deps: Deps): Relay {
  const { outbox, queue, watch, settings } = deps;
  let offered: PendingWakeUp[] = [];
  let started = false;
  let relaying: Promise<void> | undefined;

  const publish = async (wakeUps: readonly PendingWakeUp[], by: 'accept' | 'sweeper'): Promise<void> => {
    await queue.publish(wakeUps);
    await outbox.published(wakeUps);
    watch({ kind: 'published', count: wakeUps.length, by });
  };

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

  const sweep = async (): Promise<number> => {
    try {
      const scan = await outbox.due(SCAN_LIMIT, settings.republishAfterMs);
      if (scan.wakeUps.length > 0) await publish(scan.wakeUps, 'sweeper');
      return Math.min(scan.nextInMs ?? settings.pollIntervalMs, settings.pollIntervalMs);
    } catch (error) {
      watch({ kind: 'trouble', where: 'sweeper', error });
      return TROUBLE_PAUSE_MS;
    }
  };
  const sweeper = createLoop(deps.clock, deps.timers, sweep);

  return {
    start() {
      started = true;
      sweeper.start();
    },
    async stop() {
      started = false;
      await sweeper.stop();
      await relaying;
    },
    offer(wakeUp) {
      if (!started) return;
      if (offered.length >= OFFERED_AT_MOST) return sweeper.nudge(TROUBLE_PAUSE_MS);
      offered.push(wakeUp);
      relaying ??= relayOffered();
    },
    expect: (inMs) => sweeper.nudge(inMs),
  };
}
