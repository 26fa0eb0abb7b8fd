import { createPipeline, type Pipeline } from '../../src/pipeline/pipeline.js';
import type { PipelineSettings } from '../../src/pipeline/settings.js';
import type { UnknownPolicy } from '../../src/pipeline/workload.js';
import type { Outbox } from '../../src/ports/outbox.js';
import type { Server } from './clients.js';
import type { Incarnation, Setting } from './incarnation.js';
import type { Receivers } from './receivers.js';
import type { Referee } from './referee.js';
import type { Rng } from './rng.js';
import { peopleOf, type SimPeople } from './sim-people.js';
import { outboxOf, readerOf, storeOf } from './sim-ports.js';
import type { SimQueue } from './sim-queue.js';
import type { SimStore } from './sim-store.js';
import { batchWorkloadOf, workloadOf } from './sim-workload.js';

/** The numbers of a schedule's processes. */
export function settingsOf(rng: Rng, slowReceivers: boolean): PipelineSettings {
  const leaseMs = 3000;
  const batchSize = rng.pick([1, 3, 8]);
  return {
    leaseMs,
    heartbeatMs: leaseMs / 3,
    leaseCapMs: leaseMs * 10,
    batchSize,
    prefetch: 2 * batchSize,
    pollIntervalMs: 5000,
    republishAfterMs: 8000,
    sendTimeoutMs: slowReceivers ? leaseMs * 3 : 500,
    maxRetries: rng.pick([2, 4]),
    maxThrottles: 4,
    maxClaims: 5,
    backoffMs: 200,
    backoffMaxMs: 3000,
    breakerFailures: 4,
    breakerOpenMs: 1500,
  };
}

interface Parts {
  readonly setting: Setting;
  readonly settings: PipelineSettings;
  readonly store: SimStore;
  readonly people: SimPeople;
  readonly queue: SimQueue;
  readonly referee: Referee;
  readonly receivers: Receivers;
  outbox(inner: Outbox): Outbox;
  readonly policy: UnknownPolicy;
}

/** One life of one process: the real pipeline with the real workloads, put together on simulated ports and not yet started. */
export function processOf(who: Incarnation, parts: Parts): Server {
  const { setting, settings, store, referee, policy } = parts;
  let ids = 0;
  const reader = readerOf(who, store, referee);
  const people = peopleOf(who, parts.people, referee);
  const pipeline: Pipeline = createPipeline({
    store: storeOf(who, store, referee),
    reader,
    people,
    outbox: parts.outbox(outboxOf(who, store, referee)),
    queue: parts.queue.of(who),
    clock: who.clock,
    timers: who.timers,
    chance: { next: () => setting.world.rng.next() },
    ids: {
      next() {
        ids += 1;
        return `${who.name}-${ids}`;
      },
    },
    watch: () => undefined,
    settings,
    worker: who.name,
    workloads: [
      workloadOf(who, parts.receivers, { people, policy, quietMarginMs: settings.sendTimeoutMs }),
      batchWorkloadOf(who, { reader, referee, accept: (submission) => pipeline.accept(submission) }),
    ],
    consume: true,
  });
  return { who, pipeline, people };
}
