import { createSystemIds } from '../adapters/system/system-ids.js';
import type { Config } from '../config.js';
import { SignalboxError } from '../errors.js';
import { type Admission, createAdmission } from '../ingress/admission.js';
import { createStreamConsumer, type StreamConsumer } from '../pipeline/stream-consume.js';
import type { StreamSettings } from '../pipeline/stream-settings.js';
import type { Chance } from '../ports/chance.js';
import type { Clock, Timer, Timers } from '../ports/clock.js';
import type { ConversationKey } from '../ports/messages.js';
import type { ReceiptNews } from '../ports/news.js';
import type { StreamLog, StreamPorts } from '../ports/stream.js';
import type { Fact, Watch } from '../ports/watch.js';
import { armHandling, armStream } from '../runtime/stream-failpoints.js';
import { type AcceptMessage, createAcceptMessage } from '../workloads/messages/accept.js';
import { type ConversationStreams, createConversationStreams } from '../workloads/messages/conversation-streams.js';
import { persistHandler } from '../workloads/messages/persist.js';
import { receiptEvent } from '../workloads/messages/view.js';
import type { Backends } from './backends.js';

/** A dead owner's partitions are free after so long, whatever longer time other leases have. */
const LEASE_MAX_MS = 10_000;
/** Between two looks at who else consumes. */
const BEAT_MS = 1_000;
/** Between two tries to make the log where its server is away. */
const PREPARE_AGAIN_MS = 1_000;

interface MessageParts {
  readonly config: Config;
  readonly backends: Backends;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly watch: Watch;
}

/** Everything that messages have of their own in one process. */
export interface Messages {
  readonly accept: AcceptMessage;
  readonly conversations: ConversationStreams;
  /** Shows a receipt to everybody who listens to its conversation, in whatever process. */
  readonly received: (receipt: ReceiptNews) => void;
  readonly admission: Admission;
  /** Null: there is no log. */
  readonly stream: StreamPorts | null;
  start(): void;
  /** No new work; what is under way is finished. Twice is fine. */
  stop(): Promise<void>;
  abandon(): void;
  /** Entries of the log in the hands of this process. */
  holds(): number;
}

export function createMessages(parts: MessageParts): Messages {
  const { config, backends, clock, timers, watch } = parts;
  const { messages, payloads } = backends;
  const stream = armStream(config.failpoint, backends.stream);
  const pollMs = config.pollIntervalMs;
  const conversations = createConversationStreams({ messages, timers, most: config.inboxStreamsMax, pollMs });
  const arrived = arrivals(backends, conversations);
  const consumer = stream === null || !consumes(config) ? null : consumerOf(parts, stream, arrived);
  const admission = createAdmission({ reader: backlogOf(stream), clock, timers, maxBacklog: config.maxIngressBacklog, weigh });
  const accept = createAcceptMessage({
    log: stream?.log ?? NO_LOG,
    desk: stream?.desk ?? { get: () => Promise.resolve(null) },
    messages,
    payloads,
    clock,
    ids: createSystemIds(),
    watch,
    arrived,
    queuedPercent: stream === null ? 0 : config.queuedPercent,
    inlineBytes: config.messageInlineBytes,
  });
  const made = stream === null ? null : making(stream, config, timers);
  return {
    accept,
    conversations,
    received: receipts(backends, conversations),
    admission,
    stream,
    start() {
      made?.start();
      consumer?.start();
      if (config.roles.has('api')) admission.start();
    },
    async stop() {
      made?.stop();
      await consumer?.stop();
      admission.stop();
    },
    abandon: () => consumer?.abandon(),
    holds: () => consumer?.holds() ?? 0,
  };
}

function consumes({ roles, enableStreamConsumers }: Config): boolean {
  return roles.has('worker') && enableStreamConsumers;
}

function consumerOf(
  { config, backends, clock, timers, chance, watch }: MessageParts,
  stream: StreamPorts,
  arrived: (conversations: readonly ConversationKey[]) => void,
): StreamConsumer {
  const { messages, payloads } = backends;
  const handle = armHandling(config.failpoint, persistHandler({ messages, payloads, clock, watch, arrived }));
  return createStreamConsumer({ ...stream, clock, timers, chance, watch, worker: config.workerId, settings: settingsOf(config), handle });
}

function settingsOf(config: Config): StreamSettings {
  return {
    leaseMs: Math.min(config.leaseMs, LEASE_MAX_MS),
    beatMs: BEAT_MS,
    batchSize: config.streamBatchSize,
    pollMs: config.streamPollIntervalMs,
    maxRetries: config.streamMaxRetries,
    maxDeliveries: config.maxClaims,
    backoffMs: config.retryBackoffMs,
    backoffMaxMs: config.retryBackoffMaxMs,
    afterDeath: config.streamFailurePolicy,
    keep: config.streamKeep,
    partitions: config.streamPartitions,
  };
}

/** A new message is shown by the streams of this process at once, and by those of the others as soon as they hear of it. */
function arrivals({ news }: Backends, streams: ConversationStreams): (conversations: readonly ConversationKey[]) => void {
  news?.hear((item) => {
    if (item.kind === 'conversation') streams.arrived(item);
  });
  return (conversations) => {
    for (const { tenant, conversationId } of conversations) {
      streams.arrived({ tenant, conversationId });
      news?.tell({ kind: 'conversation', tenant, conversationId });
    }
  };
}

/** A receipt is shown to those who listen when it is given. */
function receipts({ news }: Backends, streams: ConversationStreams): (receipt: ReceiptNews) => void {
  const show = (receipt: ReceiptNews): void => streams.announce(receipt, 'receipt', receiptEvent(receipt));
  news?.hear((item) => {
    if (item.kind === 'receipt') show(item);
  });
  return (receipt) => {
    show(receipt);
    news?.tell({ kind: 'receipt', ...receipt });
  };
}

/** An API appends, whoever consumes: the log must be there, also where its server comes later than we do. */
function making({ control }: StreamPorts, { streamPartitions }: Config, timers: Timers): { start(): void; stop(): void } {
  let timer: Timer | undefined;
  let stopped = false;
  const make = (): void => {
    control.prepare(streamPartitions).catch(() => {
      if (!stopped) timer = timers.after(PREPARE_AGAIN_MS, make);
    });
  };
  return {
    start: make,
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}

/** Where there is none nothing waits in it, and nothing goes there. */
const NO_LOG: Pick<StreamLog, 'append' | 'waits'> = {
  append: () => Promise.reject(new SignalboxError('store-unavailable', 'There is no log of messages')),
  waits: () => Promise.resolve(false),
};

function backlogOf(stream: StreamPorts | null) {
  return {
    async backlog() {
      const depth = (await stream?.log.depth()) ?? [];
      const open = depth.reduce((sum, { lag, pending, parked }) => sum + lag + pending + parked, 0);
      return { open, oldestDueMs: depth.reduce((oldest, { oldestMs }) => Math.max(oldest, oldestMs), 0) };
    },
  };
}

/** By how much a fact changes what waits in the log. */
function weigh(fact: Fact): number {
  if (fact.kind === 'message-accepted') return fact.outcome === 'created' && fact.path === 'queued' ? 1 : 0;
  if (fact.kind === 'messages-handled') return -fact.handled.filter(({ result }) => result !== 'error').length;
  return 0;
}
