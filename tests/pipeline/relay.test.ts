import { describe, expect, test } from '@jest/globals';
import { createRelay } from '../../src/pipeline/relay.js';
import type { PipelineSettings } from '../../src/pipeline/settings.js';
import type { WakeUp } from '../../src/ports/queue.js';

const REPUBLISH_MS = 10_000;
const settings = { pollIntervalMs: 1000, republishAfterMs: REPUBLISH_MS } as PipelineSettings;

/** One sweep over an outbox in which a record was published `publishedMs` ago and is still due; gives what was published. */
async function sweep(publishedMs: number, depth: () => Promise<{ waiting: number; taken: number }>): Promise<readonly WakeUp[]> {
  const wakeUp = { tenant: 'default', id: 'r', workload: 'notifications', priority: 'normal', userId: null, version: 1 } as const;
  const published: WakeUp[] = [];
  let now = 0;
  const swept = new Promise<void>((resolve) => {
    const relay = createRelay({
      outbox: {
        due: async (_limit, republishAfterMs) => ({ wakeUps: publishedMs >= republishAfterMs ? [wakeUp] : [], nextInMs: null }),
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
});
