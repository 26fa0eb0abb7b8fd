import { Counter, Histogram, type Registry } from 'prom-client';
import type { PartitionDepth } from '../ports/stream.js';
import type { HandledAs, StreamFact } from '../ports/watch.js';
import { gaugeOf } from './gauge.js';

/** Seconds. A batch that is stored well takes a few milliseconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300];

const RESULTS = ['success', 'duplicate', 'error'] as const satisfies readonly HandledAs[];

/** Counters that messages share with other work. */
interface Shared {
  readonly accepted: Counter<'workload' | 'outcome'>;
  readonly idempotencyHits: Counter<'operation'>;
}

/** What is counted of the message log. Gives whoever takes the facts. */
export function streamMetrics(registry: Registry, shared: Shared): (fact: StreamFact) => void {
  const registers = [registry];
  const enqueued = new Counter({ name: 'stream_enqueue_total', help: 'Messages that went into the log.', registers });
  const processed = new Counter({
    name: 'stream_consumer_processed_total',
    help: 'Messages that a consumer has handled: stored, there already, or neither.',
    labelNames: ['status'],
    registers,
  });
  const dead = new Counter({ name: 'stream_dead_letter_total', help: 'Messages that became dead letters.', registers });
  const fenced = new Counter({
    name: 'stream_fenced_total',
    help: 'Reads and settlements that the log refused because the partition had passed to another owner.',
    labelNames: ['during'],
    registers,
  });
  const partitions = new Counter({
    name: 'stream_partitions_total',
    help: 'Partitions that this process has taken, given up in order, or lost.',
    labelNames: ['state'],
    registers,
  });
  const seconds = new Histogram({
    name: 'stream_processing_duration_seconds',
    help: 'How long it took to store the batch that a message was in.',
    buckets: BUCKETS,
    registers,
  });
  const age = new Histogram({
    name: 'stream_accept_to_stored_seconds',
    help: 'From the moment the log had a message to the moment the store had it.',
    buckets: BUCKETS,
    registers,
  });
  // A counter that appears with its first event has not risen, for whoever asks by how much it rose.
  for (const status of RESULTS) processed.inc({ status }, 0);
  for (const during of ['read', 'settle']) fenced.inc({ during }, 0);
  for (const state of ['started', 'stopped', 'lost']) partitions.inc({ state }, 0);
  const accepted = ({ outcome, path }: Extract<StreamFact, { kind: 'message-accepted' }>): void => {
    shared.accepted.inc({ workload: 'messages', outcome });
    if (outcome === 'repeat') shared.idempotencyHits.inc({ operation: 'ingress' });
    if (outcome === 'created' && path === 'queued') enqueued.inc();
  };
  const handled = (fact: Extract<StreamFact, { kind: 'messages-handled' }>): void => {
    for (const { entry, result } of fact.handled) {
      processed.inc({ status: result });
      if (result === 'error') continue;
      seconds.observe(fact.durationMs / 1000);
      age.observe(Math.max(0, fact.now - entry.appendedAt) / 1000);
    }
  };
  return (fact) => {
    if (fact.kind === 'message-accepted') accepted(fact);
    else if (fact.kind === 'messages-handled') handled(fact);
    else if (fact.kind === 'stream-buried') dead.inc(fact.count);
    else if (fact.kind === 'stream-fenced') fenced.inc({ during: fact.during });
    else if (fact.kind === 'partition') partitions.inc({ state: fact.state });
  };
}

/** How full the log is, asked once a scrape. */
export function streamGauges(registry: Registry, depth: () => Promise<readonly PartitionDepth[]>): void {
  // All of them show parts of one answer: it is asked for once a scrape.
  let asked: Promise<readonly PartitionDepth[]> | undefined;
  const gauge = (name: string, help: string, figure: (one: PartitionDepth) => number): void =>
    gaugeOf(registry, name, help, ['partition'], async () => {
      asked ??= depth().finally(() => {
        asked = undefined;
      });
      return (await asked).map((one) => [{ partition: String(one.partition) }, figure(one)]);
    });
  gauge('stream_partition_lag', 'Messages that no consumer has been given yet, by partition.', ({ lag }) => lag);
  gauge('stream_partition_pending', 'Messages in an owner’s hands, by partition.', ({ pending }) => pending);
  gauge('stream_partition_parked', 'Messages of conversations that stand still, by partition.', ({ parked }) => parked);
  gauge(
    'stream_partition_oldest_seconds',
    'Age of the oldest message that is not stored, by partition.',
    ({ oldestMs }) => oldestMs / 1000,
  );
}
