import { describe, expect, test } from '@jest/globals';
import { createRelay } from '../../src/pipeline/relay.js';
import type { PipelineSettings } from '../../src/pipeline/settings.js';
import type { WakeUp } from '../../src/ports/queue.js';
import { HandClock } from '../support/hand-clock.js';

const REPUBLISH_MS = 10_000;
const settings = { pollIntervalMs: 1000, republishAfterMs: REPUBLISH_MS } as PipelineSettings;

const WAKE_UP = { tenant: 'default', id: 'r', workload: 'notifications', priority: 'normal', userId: null, version: 1 } as const;

/** One sweep over an outbox in which a record was published `publishedMs` ago and is still due; gives what was published. */
async function sweep(publishedMs: number, depth: () => Promise<{ waiting: number; taken: number }>): Promise<readonly WakeUp[]> {
  const published: WakeUp[] = [];
  let now = 0;
  const swept = new Promise<void>((resolve) => {
    const relay = createRelay({
      outbox: {
        due: async (_limit, republishAfterMs) => ({ wakeUps: publishedMs >= republishAfterMs ? [WAKE_UP] : [], nextInMs: null }),
        published: async () => {},
      },
      queue: {
        publish: async (wakeUps) => void published.push(...wakeUps),
        consume: () => ({ stop: async () => {} }),
        depth,
      },
      clock: { now: () => now, monotonic: () => now },
      timers: {
        after: (ms, fire) => {
          // The first is the sweep; the second is set when it is over.
          if (ms > 0) resolve();
          else queueMicrotask(fire);
          now += ms;
          return { cancel: () => {} };
        },
      },
      watch: () => {},
      settings,
      worker: 'w',
    });
    relay.start();
  });
  await swept;
  return published;
}

describe('The sweeper', () => {
  test('publishes again what was published long ago and nobody took: the queue may have lost it', async () => {
    expect(await sweep(REPUBLISH_MS, async () => ({ waiting: 500, taken: 9 }))).toHaveLength(1);
  });

  test('adds no second wake-up to a queue that is behind, or each sweep would put everybody further back', async () => {
    expect(await sweep(REPUBLISH_MS, async () => ({ waiting: 501, taken: 0 }))).toHaveLength(0);
  });

  test('does so all the same when it has waited ten times as long', async () => {
    expect(await sweep(10 * REPUBLISH_MS, async () => ({ waiting: 5000, taken: 0 }))).toHaveLength(1);
  });

  test('goes on where the queue does not say how much waits in it', async () => {
    expect(await sweep(REPUBLISH_MS, () => Promise.reject(new Error('away')))).toHaveLength(1);
  });

  test('tries few while no answer comes from the queue, which may have them all, and soon all again when one does', async () => {
    const asked: number[] = [];
    const clock = new HandClock();
    const relay = createRelay({
      outbox: {
        due: async (limit) => {
          asked.push(limit);
          return { wakeUps: [WAKE_UP], nextInMs: 0 };
        },
        published: async () => {},
      },
      queue: {
        publish: () => (asked.length <= 3 ? Promise.reject(new Error('no answer')) : Promise.resolve()),
        consume: () => ({ stop: async () => {} }),
        depth: async () => ({ waiting: 0, taken: 0 }),
      },
      clock,
      timers: clock,
      watch: () => {},
      settings,
      worker: 'w',
    });
    relay.start();
    while (asked.length < 8) {
      clock.advance(500);
      await new Promise(setImmediate);
    }
    await relay.stop();
    expect(asked.slice(0, 8)).toEqual([500, 10, 10, 10, 50, 250, 500, 500]);
  });
});
