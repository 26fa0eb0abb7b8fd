import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { WakeUpQueue } from '../ports/queue.js';
import type { Backlog, DeliveryCounts, RecordReader } from '../ports/reader.js';
import { DELIVERY_STATUSES, type LedgerEntry } from '../ports/record.js';
import type { PartitionDepth } from '../ports/stream.js';
import { type Fact, isStreamFact, type StreamFact } from '../ports/watch.js';
import { activePeople } from './active-people.js';
import { breakerGauge } from './breaker-gauge.js';
import { type FleetSources, fleetMetrics } from './fleet-metrics.js';
import { gaugeOf } from './gauge.js';
import { diskMetrics, machineMetrics } from './machine.js';
import { streamGauges, streamMetrics } from './stream-metrics.js';

/** Seconds. From a commit on a good disk to a provider that takes its whole time limit. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
/** Distinct provider names that get a label of their own; label sets are bounded. */
const PROVIDERS_NAMED = 50;

/** Every metric of the platform: name, type, labels and help text in one place. */
export interface Metrics {
  /** Counts a fact of the pipeline. */
  count(fact: Fact): void;
  /** @param route the route's pattern, never the path: label sets are bounded */
  http(method: string, route: string, status: number, seconds: number): void;
  /** The connection to a server that we stand on has come or gone. */
  connection(name: string, event: 'connected' | 'disconnected' | 'reconnected'): void;
  /** What is asked at each scrape from now on. Once: what it is made of is opened after whoever counts. */
  observe(sources: Sources): void;
  /** What is known of the fleet from now on. Once. */
  observeFleet(sources: FleetSources): void;
  /** Prometheus text exposition format. */
  text(): Promise<string>;
  /** The same as JSON. */
  json(): Promise<unknown>;
  readonly contentType: string;
}

/** Whatever does not answer is left out of a scrape: the rest is wanted all the more then. */
export interface Sources {
  readonly reader: Pick<RecordReader, 'backlog'>;
  /** Counting all that is kept takes long: where there are several processes, few of them tell it. */
  readonly deliveryCounts?: () => Promise<DeliveryCounts>;
  readonly queue: Pick<WakeUpQueue, 'depth'>;
  /** To the store, of this process: open, of those in use, and how many it may have. */
  readonly connections?: () => { readonly open: number; readonly inUse: number; readonly limit: number };
  /** To the store, of all processes together. */
  readonly fleetConnections?: () => Promise<number>;
  /** To Redis, of this process. */
  readonly redisConnections?: () => number;
  /** Records in the hands of this process, and the most that it takes. Left out: it takes none. */
  readonly work?: () => { readonly held: number; readonly limit: number };
  /** Where work goes: so that the first of a kind is seen to be one more than none. */
  readonly channels?: readonly string[];
  /** Of the message log. Left out: there is none, or others tell it. */
  readonly streamDepth?: () => Promise<readonly PartitionDepth[]>;
  /** A directory on the disk whose free space counts. */
  readonly disk?: string;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  machineMetrics(registry);
  const instruments = instrumentsOf(registry);
  instruments.idempotencyHits.inc({ operation: 'ingress' }, 0);
  const people = activePeople(registry);
  const countStream = streamMetrics(registry, instruments);
  const observe = (from: Sources): void => {
    gaugesOf(registry, from);
    connectionGauges(registry, from);
    workGauge(registry, from);
    for (const channel of from.channels ?? []) beginAtNothing(instruments, channel);
    if (from.streamDepth !== undefined) streamGauges(registry, from.streamDepth);
    if (from.disk !== undefined) diskMetrics(registry, from.disk);
  };
  const providerLabel = boundedLabel(PROVIDERS_NAMED);
  return {
    count(fact) {
      if (isStreamFact(fact)) {
        countStream(fact);
        return;
      }
      countWork(instruments, fact);
      countTrouble(instruments, fact, providerLabel);
      if (fact.kind === 'accepted' && fact.outcome === 'created') people.seen(fact.record.tenant, fact.record.userId);
    },
    http(method, route, status, seconds) {
      instruments.requests.inc({ method, route, status });
      instruments.requestSeconds.observe({ method, route }, seconds);
    },
    connection(name, event) {
      instruments.up.set({ name }, event === 'disconnected' ? 0 : 1);
      instruments.reconnects.inc({ name }, event === 'reconnected' ? 1 : 0);
    },
    observe,
    observeFleet: (sources) => fleetMetrics(registry, sources),
    text: () => registry.metrics(),
    json: () => registry.getMetricsAsJSON(),
    contentType: registry.contentType,
  };
}

type Instruments = ReturnType<typeof instrumentsOf>;

function instrumentsOf(registry: Registry) {
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
    new Counter({ name, help, labelNames: [...labelNames], registers: [registry] });
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[]): Histogram<L> =>
    new Histogram({ name, help, labelNames: [...labelNames], buckets: BUCKETS, registers: [registry] });
  const gauge = (name: string, help: string): Gauge<'name'> => new Gauge({ name, help, labelNames: ['name'], registers: [registry] });
  return {
    accepted: counter('signalbox_accepted_total', 'Calls to accept work, by outcome: created, repeat, conflict.', ['workload', 'outcome']),
    idempotencyHits: counter('idempotency_hit_total', 'Accepts that met a key already known.', ['operation']),
    published: counter('signalbox_wake_ups_published_total', 'Wake-ups published, right after accept or by the sweeper.', ['by']),
    claims: counter('signalbox_claims_total', 'Records claimed.'),
    refused: counter('signalbox_claims_refused_total', 'Wake-ups whose record could not be claimed.'),
    conflicts: counter('signalbox_lock_conflicts_total', 'Claims refused because somebody else holds the record.'),
    reclaimed: counter('signalbox_leases_reclaimed_total', 'Claims of records whose last holder left without a word: its lease ran out.'),
    retries: counter('signalbox_retries_total', 'Attempts that failed and after which another follows.', ['channel']),
    attempts: counter('signalbox_attempts_total', 'Outcomes of attempts.', ['channel', 'result']),
    attemptSeconds: histogram('signalbox_attempt_duration_seconds', 'How long providers took to answer.', ['channel']),
    settled: counter('signalbox_deliveries_settled_total', 'Deliveries that came to rest or were put off.', ['channel', 'status']),
    rateLimited: counter('signalbox_rate_limited_total', 'Deliveries put off because their provider’s rate was used up.', ['channel']),
    latency: histogram('signalbox_accept_to_delivered_seconds', 'From accept to delivered.', ['channel']),
    lateness: histogram('signalbox_due_to_delivered_seconds', 'From when it was last due to delivered.', ['channel']),
    fenced: counter('signalbox_fenced_total', 'Writes refused because the lease had passed to someone else.'),
    duplicates: counter(
      'signalbox_duplicates_total',
      'Calls that a provider took and whose outcome was refused, the lease having passed on: another may make them again.',
    ),
    lost: counter('signalbox_leases_lost_total', 'Leases lost by their holder.', ['why']),
    wakeUps: counter('signalbox_wake_ups_settled_total', 'Wake-ups acknowledged or handed back.', ['how']),
    trouble: counter('signalbox_trouble_total', 'Failures of store, queue or channel code that are tried again.', ['where']),
    breaker: breakerGauge(registry, () => performance.now()),
    up: gauge('signalbox_dependency_up', 'Whether the connection to a server that we stand on is there: 1, else 0.'),
    reconnects: counter('signalbox_reconnects_total', 'Connections that were made anew after they were lost.', ['name']),
    requests: counter('signalbox_http_requests_total', 'HTTP requests answered.', ['method', 'route', 'status']),
    requestSeconds: histogram('signalbox_http_request_duration_seconds', 'From the request to the end of its answer.', ['method', 'route']),
  };
}

/** A counter that appears with its first event has not risen, for whoever asks by how much it rose. */
function beginAtNothing({ settled, attempts, retries, latency, lateness }: Instruments, channel: string): void {
  for (const status of ['delivered', 'dead', 'held']) settled.inc({ channel, status }, 0);
  for (const result of ['delivered', 'retry', 'dead']) attempts.inc({ channel, result }, 0);
  retries.inc({ channel }, 0);
  for (const histogram of [latency, lateness]) histogram.zero({ channel });
}

/** The way of work: accepted, woken, claimed, attempted, settled. */
function countWork(on: Instruments, fact: Exclude<Fact, StreamFact>): void {
  switch (fact.kind) {
    case 'accepted':
      on.accepted.inc({ workload: fact.record.workload, outcome: fact.outcome });
      if (fact.outcome === 'repeat') on.idempotencyHits.inc({ operation: 'ingress' });
      return;
    case 'published':
      on.published.inc({ by: fact.by }, fact.count);
      return;
    case 'claimed':
      on.claims.inc(fact.count);
      on.refused.inc(fact.refused);
      on.conflicts.inc(fact.leased);
      on.reclaimed.inc(fact.reclaimed);
      return;
    case 'attempted':
      on.attempts.inc({ channel: fact.delivery.channel, result: fact.entry.result ?? 'unknown' });
      if (fact.entry.durationMs !== undefined) on.attemptSeconds.observe({ channel: fact.delivery.channel }, fact.entry.durationMs / 1000);
      return;
    case 'settled':
      on.settled.inc({ channel: fact.delivery.channel, status: fact.delivery.status });
      if (fact.delivery.status === 'delivered') {
        on.latency.observe({ channel: fact.delivery.channel }, Math.max(0, fact.sinceAcceptMs) / 1000);
        on.lateness.observe({ channel: fact.delivery.channel }, Math.max(0, fact.sinceDueMs) / 1000);
      }
      return;
    case 'wake-up-settled':
      on.wakeUps.inc({ how: fact.how });
      return;
    case 'fenced':
    case 'lease-lost':
    case 'breaker':
    case 'trouble':
  }
}

/** What gets in its way. */
function countTrouble(on: Instruments, fact: Fact, providerLabel: (name: string) => string): void {
  if (fact.kind === 'fenced') {
    on.fenced.inc();
    on.duplicates.inc(fact.during === 'delivered' ? 1 : 0);
  } else if (fact.kind === 'attempted' && againAfter(fact.entry)) on.retries.inc({ channel: fact.delivery.channel });
  else if (fact.kind === 'settled' && fact.delivery.reason === 'rate.limited') on.rateLimited.inc({ channel: fact.delivery.channel });
  else if (fact.kind === 'lease-lost') on.lost.inc({ why: fact.why });
  else if (fact.kind === 'breaker') on.breaker(providerLabel(fact.name), fact);
  else if (fact.kind === 'trouble') on.trouble.inc({ where: fact.where });
}

function againAfter({ result }: LedgerEntry): boolean {
  return result === 'retry' || result === 'throttled';
}

/** Names that come from outside keep their label up to so many, the rest share one: label sets are bounded. */
function boundedLabel(most: number): (name: string) => string {
  const named = new Set<string>();
  return (name) => {
    if (named.has(name)) return name;
    if (named.size >= most) return 'other';
    named.add(name);
    return name;
  };
}

/** What is asked of store and queue at each scrape, rather than counted along the way. */
function gaugesOf(registry: Registry, { reader, deliveryCounts, queue }: Sources): void {
  // Two gauges show parts of one answer: it is asked for once a scrape, not twice.
  let asked: Promise<Backlog> | undefined;
  const backlog = (): Promise<Backlog> => {
    asked ??= reader.backlog().finally(() => {
      asked = undefined;
    });
    return asked;
  };
  gaugeOf(registry, 'signalbox_open_records', 'Records that are not at rest.', [], async () => [[{}, (await backlog()).open]]);
  gaugeOf(registry, 'signalbox_backlog_age_seconds', 'Age of the longest overdue record.', [], async () => [
    [{}, (await backlog()).oldestDueMs / 1000],
  ]);
  if (deliveryCounts !== undefined) {
    gaugeOf(registry, 'signalbox_deliveries', 'Deliveries in the store, by status.', ['status'], async () => {
      const counts = await deliveryCounts();
      return DELIVERY_STATUSES.map((status) => [{ status }, counts[status] ?? 0]);
    });
  }
  gaugeOf(registry, 'signalbox_queue_depth', 'Wake-ups in the queue: waiting, or taken and not settled.', ['state'], async () => {
    const { waiting, taken } = await queue.depth();
    return [
      [{ state: 'waiting' }, waiting],
      [{ state: 'taken' }, taken],
    ];
  });
}

function connectionGauges(registry: Registry, { connections, fleetConnections, redisConnections }: Sources): void {
  const help = 'Connections of this process to the store: open, of those in use, and how many it may have.';
  if (connections !== undefined) {
    gaugeOf(registry, 'signalbox_store_connections', help, ['state'], async () => {
      const { open, inUse, limit } = connections();
      return [
        [{ state: 'open' }, open],
        [{ state: 'in_use' }, inUse],
        [{ state: 'limit' }, limit],
      ];
    });
  }
  if (fleetConnections !== undefined) {
    const ofAll = 'Connections to the store of all processes together.';
    gaugeOf(registry, 'signalbox_fleet_store_connections', ofAll, [], async () => [[{}, await fleetConnections()]]);
  }
  if (redisConnections !== undefined) {
    const toRedis = 'Connections of this process to Redis.';
    gaugeOf(registry, 'signalbox_redis_connections', toRedis, [], async () => [[{}, redisConnections()]]);
  }
}

/** Utilisation is one by the other. */
function workGauge(registry: Registry, { work }: Sources): void {
  if (work === undefined) return;
  gaugeOf(registry, 'signalbox_records_held', 'Records in the hands of this process, and the most that it takes.', ['state'], async () => {
    const { held, limit } = work();
    return [
      [{ state: 'held' }, held],
      [{ state: 'limit' }, limit],
    ];
  });
}
