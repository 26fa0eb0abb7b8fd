import { createSystemIds } from '../adapters/system/system-ids.js';
import type { Config } from '../config.js';
import type { DeskActions } from '../pipeline/amend.js';
import { createJanitor, type Janitor } from '../pipeline/janitor.js';
import { createPipeline, type Pipeline } from '../pipeline/pipeline.js';
import type { PipelineSettings } from '../pipeline/settings.js';
import { type WholeDesk, withStreamDeadLetters } from '../pipeline/stream-dead-letters.js';
import type { Chance } from '../ports/chance.js';
import type { Clock, Timers } from '../ports/clock.js';
import type { InboxKey } from '../ports/inbox.js';
import type { Watch } from '../ports/watch.js';
import { armChannels } from '../runtime/failpoints.js';
import type { DevelopmentSink } from '../sink/development.js';
import { deskChannel } from '../workloads/desk/channel.js';
import { deskWorkload } from '../workloads/desk/workload.js';
import { discardingContent } from '../workloads/messages/leftovers.js';
import { batchesWorkload } from '../workloads/notifications/batch.js';
import { createInboxStreams, type InboxStreams } from '../workloads/notifications/inbox-streams.js';
import { createUnsubscribeLinks } from '../workloads/notifications/unsubscribe.js';
import { notificationsWorkload } from '../workloads/notifications/workload.js';
import type { Backends } from './backends.js';
import { createChannels } from './channels.js';

/**
 * Records in a worker's hands for each one claimed in one go. One is held for some five commits, an fsync each, and a call:
 * with a single batch in hand the commits, not the processor, set the pace.
 */
const HANDS_PER_BATCH = 4;

/** How long the intent may take to be stored, between the decision and the call. */
const INTENT_MS = 1000;

const DAY_MS = 24 * 3_600_000;

interface WorkParts {
  readonly config: Config;
  readonly backends: Backends;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly sink: DevelopmentSink | null;
  readonly watch: Watch;
  readonly life: { readonly port: number };
}

/** What works: the pipeline with its workloads and channels, and the janitor. */
export function createWork(parts: WorkParts) {
  const { config, backends, clock, timers, chance, watch, life } = parts;
  const { reader, people } = backends;
  const whole = wholeDesk(backends, clock, () => pipeline);
  const streams = createInboxStreams({ inbox: backends.inbox, timers, most: config.inboxStreamsMax, pollMs: config.pollIntervalMs });
  const ways = createChannels({ ...parts, inbox: backends.inbox, arrived: arrivals(backends, streams), ownPort: () => life.port });
  const channels = armChannels(config.failpoint, ways.all);
  const links = createUnsubscribeLinks(config.linkSecrets, () => config.publicUrl ?? `http://localhost:${apiPort(config, life)}`);
  const mayHold = dutiesOf(config);
  const settings = settingsOf(config);
  const pipeline: Pipeline = createPipeline({
    ...backends,
    clock,
    timers,
    ids: createSystemIds(),
    chance,
    settings,
    worker: config.workerId,
    mayHold,
    workloads: [
      notificationsWorkload({ ...rulesOf(config), channels, people, unsubscribeUrl: links.urlFor }),
      batchesWorkload({ reader, accept: (submission) => pipeline.accept(submission) }),
      deskWorkload(deskChannel({ reader: whole.reader, clock, actions: () => whole.actions, stepMs: config.sendTimeoutMs / 4 })),
    ],
    consume: config.roles.has('worker') && config.enableStreamConsumers,
    watch,
  });
  const janitor: Janitor = createJanitor({ ...backends, clock, timers, watch, worker: config.workerId, mayHold, keepMs: keepMsOf(config) });
  /** The most records that it works on at a time. */
  const hands = settings.prefetch;
  return { ways, channels, streams, links, pipeline, janitor, hands, whole };
}

/** The desk with what is dead in the log of messages. The pipeline is put together after its workloads, of which the desk is one. */
function wholeDesk({ store, reader, desk, stream, payloads }: Backends, clock: Clock, pipeline: () => DeskActions): WholeDesk {
  const actions: DeskActions = {
    redrive: (key, request) => pipeline().redrive(key, request),
    discard: (key, request) => pipeline().discard(key, request),
    resolveHeld: (key, request) => pipeline().resolveHeld(key, request),
  };
  const records = { reader, desk, actions };
  if (stream === null) return records;
  return withStreamDeadLetters(records, 'messages', discardingContent(stream.desk, stream.log, payloads), { store, clock });
}

/** A new item is shown by the streams of this process at once, and by those of the others as soon as they hear of it. */
function arrivals({ news }: Backends, streams: InboxStreams): (key: InboxKey) => void {
  news?.hear((item) => {
    if (item.kind === 'inbox') streams.arrived(item);
  });
  return (key) => {
    streams.arrived(key);
    news?.tell({ kind: 'inbox', tenant: key.tenant, userId: key.userId });
  };
}

/** Where links in mail lead to: our own port, where we are the API. */
function apiPort(config: Config, life: WorkParts['life']): number {
  return config.roles.has('api') ? life.port : config.apiPort;
}

/** What this process may do for the whole fleet. */
function dutiesOf({ roles }: Config): ReadonlySet<string> {
  return new Set([...(roles.has('scheduler') ? ['sweeper', 'reconsider'] : []), ...(roles.has('janitor') ? ['janitor'] : [])]);
}

function keepMsOf({ recordRetentionDays }: Config): number | null {
  return recordRetentionDays === null ? null : recordRetentionDays * DAY_MS;
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

/** A broker hands out no more than we asked it to, so no batch is larger than that. */
function handsOf({ servers, workerBatchSize, prefetchCount }: Config): Pick<PipelineSettings, 'batchSize' | 'prefetch'> {
  if (servers.rabbitmq === null) return { batchSize: workerBatchSize, prefetch: HANDS_PER_BATCH * workerBatchSize };
  return { batchSize: Math.min(workerBatchSize, prefetchCount), prefetch: prefetchCount };
}

function settingsOf(config: Config): PipelineSettings {
  return {
    leaseMs: config.leaseMs,
    heartbeatMs: config.heartbeatMs,
    leaseCapMs: config.lockDurationMs,
    ...handsOf(config),
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
