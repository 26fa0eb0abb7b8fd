import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSystemChance } from './adapters/system/system-chance.js';
import { createSystemClock } from './adapters/system/system-clock.js';
import { createSystemTimers } from './adapters/system/system-timers.js';
import type { Config } from './config.js';
import { createAdmission } from './ingress/admission.js';
import { apiGuards } from './ingress/guards.js';
import { createRates } from './pipeline/rates.js';
import type { Timers } from './ports/clock.js';
import type { SeenMember } from './ports/fleet.js';
import type { PartitionDepth } from './ports/stream.js';
import type { Watch } from './ports/watch.js';
import { armPorts } from './runtime/failpoints.js';
import { type Log, logFact } from './telemetry/log.js';
import { createMetrics } from './telemetry/metrics.js';
import { createWorkCounts } from './telemetry/work-counts.js';
import { type ApiParts, createApi } from './wire/api.js';
import type { Backends } from './wire/backends.js';
import { startSink } from './wire/channels.js';
import { createIdentity } from './wire/identity.js';
import { createMessages } from './wire/messages.js';
import { openBackends } from './wire/open-backends.js';
import { presenceOf } from './wire/presence.js';
import { createWork } from './wire/work.js';
import { createWorkerHttp } from './wire/worker-http.js';

/** After the drain, how long answers that are being written may take. */
const LAST_ANSWERS_MS = 500;
/** The whole platform of one process, put together and not yet started. */
export interface App {
  /** Binds the port and begins to work. Rejects when the port is taken. Resolves with the port it really has; null: it has none. */
  start(): Promise<number | null>;
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
  const { config } = options;
  const life: Life = { port: config.port, draining: false };
  const { backends, sink, ways, streams, admission, pipeline, janitor, messages, presence, http } = await assemble(options, timers, life);

  const close = async (): Promise<void> => {
    life.draining = true;
    streams.end();
    messages.conversations.end();
    admission.close();
    messages.admission.close();
    await Promise.all([pipeline.stop(), janitor.stop(), messages.stop()]);
    admission.stop();
    await closeServer(http, timers);
    await Promise.all([...ways.all.map((way) => way.close()), sink?.stop()]);
    await presence.stop();
    await backends.close();
  };
  const start = async (): Promise<number | null> => {
    const port = http === null ? null : await listen(http, config);
    if (port !== null) life.port = port;
    await presence.start();
    // A relay elsewhere may take its time to answer; the sink does not, and a newcomer's first mail should not wait.
    const warm = ways.email.warmUp(new AbortController().signal);
    if (sink !== null) await warm;
    if (config.roles.has('api')) admission.start();
    pipeline.start();
    messages.start();
    if (config.roles.has('janitor')) janitor.start();
    return port;
  };
  const abandon = (): void => {
    pipeline.abandon();
    messages.abandon();
  };
  let stopped: Promise<void> | undefined;
  return { start, stop: () => (stopped ??= close()), abandon };
}

/** Everything there is, in the order in which one needs the other. Nothing runs yet. */
async function assemble({ config, log, version, onFatal }: Options, timers: Timers, life: Life) {
  const clock = createSystemClock();
  const chance = createSystemChance();
  const metrics = createMetrics();
  const listeners: Watch[] = [(fact) => logFact(log, fact), metrics.count];
  const watch: Watch = (fact) => {
    for (const listener of listeners) listener(fact);
  };
  const ownRates = createRates(clock, chance);
  const opened = await openBackends({ config, clock, timers, chance, log, watch, onFatal, ownRates, connection: metrics.connection });
  const backends = armPorts(config.failpoint, opened);
  const admission = createAdmission({ reader: backends.reader, clock, timers, maxBacklog: config.maxIngressBacklog });
  const counts = createWorkCounts();
  listeners.push(admission.count, counts.count);
  const sink = config.sink ? await startSink(config, clock, timers) : null;
  const work = createWork({ config, backends, clock, timers, chance, sink, watch, life });
  const messages = createMessages({ config, backends, clock, timers, chance, watch });
  listeners.push(messages.admission.count);
  const holds = (): number => work.pipeline.holds() + messages.holds();
  const { presence, consumers } = presenceOf({ config, version, backends, counts, holds, clock, timers, life, log });
  const members = (): Promise<readonly SeenMember[]> => presence.members();
  const api = config.roles.has('api');
  metrics.observe({
    ...backends,
    ...(api ? { deliveryCounts: () => backends.reader.deliveryCounts() } : {}),
    ...(consuming(config) ? { work: () => ({ held: work.pipeline.holds(), limit: work.hands }) } : {}),
    ...depthOf(config, backends),
    channels: work.ways.all.map(({ name }) => name),
    disk: config.dataDir,
    fleetConnections: async () => (await members()).reduce((sum, { connections }) => sum + connections, 0),
  });
  metrics.observeFleet({ members, ...(api ? { lost: () => presence.lost() } : {}), restarts: config.workerRestarts });
  const guards = await apiGuards(guardsOf(config, backends));
  const identity = createIdentity({ config, log, clock, timers, backends });
  const draining = (): boolean => life.draining;
  const all = {
    ...backends,
    ...work,
    messageParts: messages,
    config,
    log,
    version,
    timers,
    metrics,
    counts,
    presence,
    consumers,
    admission,
    sink,
    guards,
    identity,
    draining,
  };
  return { ...work, backends, sink, admission, messages, presence, http: httpOf(all) };
}

function consuming({ roles, enableStreamConsumers }: Config): boolean {
  return roles.has('worker') && enableStreamConsumers;
}

/** Told by the APIs: what several tell is the same. */
function depthOf({ roles }: Config, { stream }: Backends): { readonly streamDepth?: () => Promise<readonly PartitionDepth[]> } {
  return stream === null || !roles.has('api') ? {} : { streamDepth: () => stream.log.depth() };
}

function guardsOf(config: Config, { requestLimit }: Backends) {
  const { corsOrigins, rateLimitPerMinute, rateLimitTenantPerMinute, rateLimitIpPerMinute } = config;
  const limits = { rateLimitPerMinute, rateLimitTenantPerMinute, rateLimitIpPerMinute };
  return { corsOrigins, ...limits, ...(requestLimit === undefined ? {} : { shareLimit: requestLimit }) };
}

/** An API serves everything; another process its health, if it is to. */
function httpOf(parts: ApiParts): Server | null {
  if (parts.config.roles.has('api')) return createApi(parts);
  return parts.config.healthCheckEnabled ? createWorkerHttp(parts) : null;
}

/** Answers under way are finished; connections that send nothing, or never finish their request, are cut. */
async function closeServer(http: Server | null, timers: Timers): Promise<void> {
  if (http === null || !http.listening) return;
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
