import { describe, expect, it } from '@jest/globals';
import { createBreakers } from '../../src/pipeline/breaker.js';
import { createConsumer } from '../../src/pipeline/consume.js';
import type { PipelineSettings } from '../../src/pipeline/settings.js';
import type { TakenWakeUp } from '../../src/ports/queue.js';
import type { ClaimRequest, ClaimResult } from '../../src/ports/store.js';

const settings = { leaseMs: 3000, batchSize: 4, prefetch: 4, breakerFailures: 3, breakerOpenMs: 1000 } as PipelineSettings;
const clock = { now: () => 0, monotonic: () => 0 };

/** A consumer on a store that suspects every record, and in which another worker holds each of them. */
function consumerOf(settled: string[]) {
  let give: (wakeUps: readonly TakenWakeUp[]) => void = () => undefined;
  const claim = ({ keys, alone }: ClaimRequest): Promise<ClaimResult> =>
    Promise.resolve({ claimed: [], refused: keys.map((key) => ({ ...key, why: alone ? 'leased' : 'suspect', until: null })), now: 0 });
  const consumer = createConsumer({
    store: { claim } as never,
    reader: {} as never,
    queue: {
      consume(_prefetch: number, take: (wakeUps: readonly TakenWakeUp[]) => void) {
        give = take;
        return { stop: () => Promise.resolve() };
      },
    } as never,
    clock,
    timers: { after: () => ({ cancel: () => undefined }) },
    chance: { next: () => 0 },
    ids: { next: () => 'claim' },
    breakers: createBreakers(clock, settings, () => undefined),
    watch: () => undefined,
    settings,
    worker: 'worker',
    workloads: new Map(),
    expect: () => undefined,
    cancel: () => Promise.resolve(),
  });
  const wakeUp = (id: string): TakenWakeUp => ({
    tenant: 'default',
    id,
    workload: 'notifications',
    priority: 'normal',
    userId: null,
    redeliveries: 0,
    ack: () => Promise.resolve(),
    release: () => {
      settled.push(id);
      return Promise.resolve();
    },
  });
  return { consumer, give: (...ids: string[]) => give(ids.map(wakeUp)) };
}

describe('suspects', () => {
  it('are all settled when each lone claim is refused, though no further wake-up comes', async () => {
    const settled: string[] = [];
    const { consumer, give } = consumerOf(settled);
    consumer.start();
    give('a', 'b', 'c');
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toEqual(['a', 'b', 'c']);
  });
});
