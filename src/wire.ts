import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openEmbedded } from './adapters/embedded/embedded.js';
import { createSystemChance } from './adapters/system/system-chance.js';
import { createSystemClock } from './adapters/system/system-clock.js';
import { createSystemIds } from './adapters/system/system-ids.js';
import { createSystemTimers } from './adapters/system/system-timers.js';
import type { Config } from './config.js';
import { type Admission, createAdmission } from './ingress/admission.js';
import { apiGuards } from './ingress/guards.js';
import { createPipeline, type Pipeline } from './pipeline/pipeline.js';
import type { PipelineSettings } from './pipeline/settings.js';
import type { Timers } from './ports/clock.js';
import type { Watch } from './ports/watch.js';
import { armChannels, armPorts } from './runtime/failpoints.js';
import { type Log, logFact } from './telemetry/log.js';
import { createMetrics, type Metrics } from './telemetry/metrics.js';
import { createApi } from './wire/api.js';
import { createChannels, startSink } from './wire/channels.js';
import { deskChannel } from './workloads/desk/channel.js';
import { deskWorkload } from './workloads/desk/workload.js';
import { batchesWorkload } from './workloads/notifications/batch.js';
import { createInboxStreams } from './workloads/notifications/inbox-streams.js';
import { createUnsubscribeLinks } from './workloads/notifications/unsubscribe.js';
import { notificationsWorkload } from './workloads/notifications/workload.js';

/** After the drain, how long answers that are being written may take. */
const LAST_ANSWERS_MS = 500;
/**
 * Records in a worker's hands for each one claimed in one go. One is held for some five commits, an fsync each, and a call:
 * with a single batch in hand the commits, not the processor, set the pace.
 */
const HANDS_PER_BATCH = 4;

/** How long the intent may take to be stored, between the decision and the call. */
const INTENT_MS = 1000;

/** The whole platform of one process, put together and not yet started. */
export interface App {
  /** Binds the port and begins to work. Rejects when the port is taken. Resolves with the port it really has. */
  start(): Promise<number>;
  /** Drains and closes; `abandon` cuts short what it waits for. Twice is fine. */
  stop(): Promise<void>;
  abandon(): void;
}

interface Options {
  readonly config: Config;
  readonly log: Log;
  readonly version: string;
  /** The store's disk failed: nothing more can be promised, the process must end. */
  readonly onFatal: (error: Error) => void;
}

/** Where the process is in its life: looked at by those who are made before it is known. */
interface Life {
  /** The port that is really listened on, once it is. */
  port: number;
  draining: boolean;
}

/** Composition by hand: the only place that knows which adapter stands behind which port. */
export async function wire(options: Options): Promise<App> {
  const timers = createSystemTimers();
  const life: Life = { port: options.config.port, draining: false };
  const { embedded, sink, ways, streams, admission, pipeline, http } = await assemble(options, timers, life);

  const close = async (): Promise<void> => {
    life.draining = true;
    streams.end();
    await drain(admission, pipeline);
    await closeServer(http, timers);
    await Promise.all([...ways.all.map((way) => way.close()), sink?.stop()]);
    await embedded.close();
  };
  const start = async (): Promise<number> => {
    life.port = await listen(http, options.config);
    // A relay elsewhere may take its time to answer; the sink does not, and a newcomer's first mail should not wait.
    const warm = ways.email.warmUp(new AbortController().signal);
    if (sink !== null) await warm;
    admission.start();
    pipeline.start();
    return life.port;
  };
  let stopped: Promise<void> | undefined;
  return { start, stop: () => (stopped ??= close()), abandon: () => pipeline.abandon() };
}

/** Everything there is, in the order in which one needs the other. Nothing runs yet. */
async function assemble({ config, log, version, onFatal }: Options, timers: Timers, life: Life) {
  const clock = createSystemClock();
  const store = { dataDir: config.dataDir, inboxKeep: config.inboxKeep };
  const embedded = armPorts(config.failpoint, await openEmbedded({ ...store, clock, timers, onFatal }));
  const { reader, queue, people, inbox } = embedded;
  const metrics = createMetrics({ reader, queue });
  const admission = createAdmission({ reader, clock, timers, maxBacklog: config.maxIngressBacklog });
  const sink = config.sink ? await startSink(config, clock, timers) : null;
  const streams = createInboxStreams({ inbox, timers, most: config.inboxStreamsMax, pollMs: config.pollIntervalMs });
  const ways = createChannels({ config, clock, timers, inbox, arrived: (key) => streams.arrived(key), sink, ownPort: () => life.port });
  const channels = armChannels(config.failpoint, ways.all);
  const links = createUnsubscribeLinks(config.linkSecrets, () => config.publicUrl ?? `http://localhost:${life.port}`);
  const pipeline: Pipeline = createPipeline({
    ...embedded,
    clock,
    timers,
    ids: createSystemIds(),
    chance: createSystemChance(),
    settings: settingsOf(config),
    worker: config.workerId,
    workloads: [
      notificationsWorkload({ ...rulesOf(config), channels, people, unsubscribeUrl: links.urlFor }),
      batchesWorkload({ reader, accept: (submission) => pipeline.accept(submission) }),
      deskWorkload(deskChannel({ reader, clock, actions: () => pipeline, stepMs: config.sendTimeoutMs / 4 })),
    ],
    consume: config.enableStreamConsumers,
    watch: watchOf(metrics, admission, log),
  });
  const guards = await apiGuards({ corsOrigins: config.corsOrigins, rateLimitPerMinute: config.rateLimitPerMinute });
  const draining = (): boolean => life.draining;
  const parts = { ...embedded, config, log, version, metrics, admission, pipeline, sink, links, streams, channels, guards, draining };
  return { embedded, sink, ways, streams, admission, pipeline, http: createApi(parts) };
}

/** Everyone who listens to the pipeline. */
function watchOf(metrics: Metrics, admission: Admission, log: Log): Watch {
  return (fact) => {
    metrics.count(fact);
    admission.count(fact);
    logFact(log, fact);
  };
}

/** Takes nothing more, then finishes or hands back what is under way; the listener stays up, for its answers to be honest. */
async function drain(admission: Admission, pipeline: Pipeline): Promise<void> {
  admission.close();
  await pipeline.stop();
  admission.stop();
}

/** Answers under way are finished; connections that send nothing, or never finish their request, are cut. */
async function closeServer(http: Server, timers: Timers): Promise<void> {
  if (!http.listening) return;
  const closed = new Promise<void>((resolve) => http.close(() => resolve()));
  http.closeIdleConnections();
  const cut = timers.after(LAST_ANSWERS_MS, () => http.closeAllConnections());
  await closed;
  cut.cancel();
}

function listen(http: Server, config: Config): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', reject);
    http.listen(config.port, config.host, () => resolve((http.address() as AddressInfo).port));
  });
}

/** What the rules of notifications are told by the settings. */
function rulesOf(config: Config) {
  return {
    unknownPolicies: { email: config.emailUnknownPolicy, sms: config.smsUnknownPolicy, push: config.pushUnknownPolicy },
    criticalCategories: config.criticalCategories,
    // A call may last as long as that: begun any later before quiet hours, it could ring within them.
    quietMarginMs: config.sendTimeoutMs + INTENT_MS,
  };
}

function settingsOf(config: Config): PipelineSettings {
  return {
    leaseMs: config.leaseMs,
    heartbeatMs: config.heartbeatMs,
    leaseCapMs: config.lockDurationMs,
    batchSize: config.workerBatchSize,
    prefetch: HANDS_PER_BATCH * config.workerBatchSize,
    pollIntervalMs: config.pollIntervalMs,
    republishAfterMs: 2 * config.leaseMs,
    sendTimeoutMs: config.sendTimeoutMs,
    maxRetries: config.maxRetryAttempts,
    maxThrottles: 20,
    maxClaims: config.maxClaims,
    backoffMs: config.retryBackoffMs,
    backoffMaxMs: config.retryBackoffMaxMs,
    breakerFailures: config.breakerFailures,
    breakerOpenMs: config.breakerOpenMs,
  };
}
