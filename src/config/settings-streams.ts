import { integer, milliseconds, oneOf, optional, text } from './kind.js';
import { setting } from './setting.js';

/** Messages, and the log that they go through. */
export const STREAMS = {
  redisStreamDb: setting({
    env: 'REDIS_STREAM_DB',
    kind: integer(0, 1_000),
    default: 1,
    doc: 'Logical Redis database of the streams (redis-cli -n 1). A Redis Cluster has only 0.',
  }),
  redisKeyPrefix: setting({
    env: 'REDIS_KEY_PREFIX',
    kind: optional(text('up to 64 letters, digits, colons, dots, dashes or underscores', /^[A-Za-z0-9:._-]{1,64}$/)),
    default: null,
    defaultText: 'none, so that the streams are called msg:stream:0 and so on',
    doc: 'Stands before the name of every key of the streams, where several installations share a server.',
  }),
  streamPartitions: setting({
    env: 'STREAM_PARTITIONS',
    kind: integer(1, 1_024),
    default: 16,
    doc: 'Ordered partitions of the message log when it is first made. Later it is changed by `signalbox stream partitions`, which keeps the order; this setting then changes nothing.',
  }),
  streamMaxRetries: setting({
    env: 'STREAM_MAX_RETRIES',
    kind: integer(0, 1_000),
    default: 3,
    doc: 'Retries of a message that cannot be stored before it is a dead letter. A store that does not answer uses up none.',
  }),
  streamFailurePolicy: setting({
    env: 'STREAM_FAILURE_POLICY',
    kind: oneOf('continue', 'hold'),
    default: 'continue',
    doc: 'What a conversation does after one of its messages has become a dead letter: continue with the next, or hold until somebody redrives or releases it.',
  }),
  streamPollIntervalMs: setting({
    env: 'STREAM_POLL_INTERVAL_MS',
    kind: milliseconds(1),
    default: 5_000,
    doc: 'Milliseconds for which a reader of the log waits at most for something new. It is woken by what arrives, it does not sleep so long.',
  }),
  streamBatchSize: setting({
    env: 'STREAM_BATCH_SIZE',
    kind: integer(1, 1_000),
    default: 10,
    doc: 'Messages that are read and stored in one go, for each partition: fewer for latency, more for throughput.',
  }),
  streamKeep: setting({
    env: 'STREAM_KEEP',
    kind: integer(0, 10_000_000),
    default: 1_000,
    doc: 'Stored messages that stay in each partition of the log, to be looked at. What is not stored yet is never removed.',
  }),
  idempotencyTtlMs: setting({
    env: 'IDEMPOTENCY_TTL_MS',
    kind: milliseconds(1_000),
    default: 300_000,
    doc: 'Milliseconds for which the log answers a repeated message by itself. After that the unique key of the store keeps it from being stored twice.',
  }),
  ingressMode: setting({
    env: 'INGRESS_MODE',
    kind: oneOf('queued', 'direct'),
    default: 'queued',
    doc: 'How a message reaches the store: queued (acknowledged as soon as the log has it) or direct (acknowledged when the store has it; where the log still has something of the conversation, behind that). Everything else is always stored first.',
  }),
  ingressQueuedPercent: setting({
    env: 'INGRESS_QUEUED_PERCENT',
    kind: integer(0, 100),
    default: 100,
    doc: 'Of a hundred conversations, how many go through the log with INGRESS_MODE=queued; the others are stored directly. The same conversation always goes the same way, and stays queued when this rises.',
  }),
  messageInlineBytes: setting({
    env: 'MESSAGE_INLINE_BYTES',
    kind: integer(0, 1_000_000),
    default: 8_192,
    doc: 'Content of a message that is larger (in bytes) waits in the store instead of the log, which carries its name only.',
  }),
};
