import { integer, milliseconds, oneOf, optional, text } from './kind.js';
import { setting } from './setting.js';

/** Where accepted work is kept. */
export const STORE = {
  dataDir: setting({
    env: 'DATA_DIR',
    kind: text('a directory name', /^[^\p{Cc}]+$/u),
    default: './data',
    doc: 'Directory of the embedded store, made at start. One process at a time.',
  }),
  databaseUrl: setting({
    env: 'DATABASE_URL',
    kind: optional(text('a URL whose scheme names the store (file:./data, mongodb://…)', /^[a-z][a-z0-9+.-]*:\S*$/i)),
    default: null,
    defaultText: 'none: MONGODB_URI, or the embedded store in DATA_DIR',
    secret: true,
    doc: 'Store by scheme. file:./data is the embedded store in that directory (it wins over DATA_DIR); mongodb:// is another way to say MONGODB_URI. There is no adapter for postgres://.',
  }),
  storeDriver: setting({
    env: 'STORE_DRIVER',
    kind: optional(oneOf('embedded', 'mongodb', 'postgres')),
    default: null,
    defaultText: 'mongodb where MONGODB_URI is set, else embedded',
    doc: 'Store: embedded (one SQLite file in DATA_DIR, one process) or mongodb. postgres is refused.',
  }),
  queueDriver: setting({
    env: 'QUEUE_DRIVER',
    kind: optional(oneOf('embedded', 'memory', 'redis', 'rabbitmq')),
    default: null,
    defaultText: 'rabbitmq where RABBITMQ_URL is set, else embedded',
    doc: 'What carries wake-ups: embedded (memory is another word for it; the store remains the truth) or rabbitmq. redis is refused.',
  }),
  recordRetentionDays: setting({
    env: 'RECORD_RETENTION_DAYS',
    kind: optional(integer(1, 36_500)),
    default: null,
    defaultText: 'none: records are kept for ever',
    doc: 'Days for which a record is kept after it came to rest; dead letters and held ones are never removed. Below 7 is refused: an idempotency key is honoured for 7 days at least.',
  }),
};

/** How work is claimed, retried and given up on. */
export const WORK = {
  leaseMs: setting({
    env: 'LEASE_MS',
    kind: milliseconds(1_000, 3_600_000),
    default: 30_000,
    doc: 'Milliseconds for which a worker holds a claimed record without renewing; so long does a dead worker block it.',
  }),
  heartbeatMs: setting({
    env: 'HEARTBEAT_MS',
    kind: optional(milliseconds(100, 1_800_000)),
    default: null,
    defaultText: 'a third of LEASE_MS',
    doc: 'Milliseconds between two renewals of a lease. Must be below half of LEASE_MS, so that one renewal may fail.',
  }),
  lockDurationMs: setting({
    env: 'LOCK_DURATION_MS',
    kind: milliseconds(1_000),
    default: 300_000,
    doc: 'Milliseconds past which a lease is not renewed any more, however healthy its holder. At least LEASE_MS.',
  }),
  pollIntervalMs: setting({
    env: 'POLL_INTERVAL_MS',
    kind: milliseconds(10),
    default: 5_000,
    doc: 'Milliseconds between two looks at the store for due work that no wake-up told of. A safety net: work is pushed to workers, it does not wait for this.',
  }),
  workerBatchSize: setting({
    env: 'WORKER_BATCH_SIZE',
    kind: integer(1, 1_000),
    default: 50,
    doc: 'The most records one worker claims in one go. With the embedded queue it holds up to four times as many at a time, with RabbitMQ PREFETCH_COUNT.',
  }),
  sendTimeoutMs: setting({
    env: 'SEND_TIMEOUT_MS',
    kind: milliseconds(100, 3_600_000),
    default: 10_000,
    doc: 'Milliseconds one attempt may take. Must be below 80 % of LEASE_MS, at which a worker gives its lease up for lost.',
  }),
  maxRetryAttempts: setting({
    env: 'MAX_RETRY_ATTEMPTS',
    kind: integer(0, 1_000),
    default: 3,
    doc: 'Retries after the first attempt; when they are used up the delivery is a dead letter.',
  }),
  maxClaims: setting({
    env: 'MAX_CLAIMS',
    kind: integer(1, 1_000),
    default: 5,
    doc: 'Claims without any progress after which a record is a dead letter: it kills whoever takes it.',
  }),
  retryBackoffMs: setting({
    env: 'RETRY_BACKOFF_MS',
    kind: milliseconds(0),
    default: 5_000,
    doc: 'Base of the wait before a retry, in milliseconds; it doubles with every attempt and is drawn at random up to that.',
  }),
  retryBackoffMaxMs: setting({
    env: 'RETRY_BACKOFF_MAX_MS',
    kind: milliseconds(0),
    default: 300_000,
    doc: 'The longest wait before a retry, in milliseconds. At least RETRY_BACKOFF_MS.',
  }),
  breakerFailures: setting({
    env: 'BREAKER_FAILURES',
    kind: integer(1, 10_000),
    default: 5,
    doc: 'Failures in a row after which a provider is left alone for BREAKER_OPEN_MS.',
  }),
  breakerOpenMs: setting({
    env: 'BREAKER_OPEN_MS',
    kind: milliseconds(1),
    default: 10_000,
    doc: 'Milliseconds for which a failing provider is left alone before one attempt tries it again.',
  }),
  failpoint: setting({
    env: 'FAILPOINT',
    kind: optional(
      text(
        'poison, or a failpoint and how often it is passed before it kills, e.g. after-send:17',
        /^(poison|(before|after)-[a-z]+(:[1-9]\d{0,8}(:stop)?)?)$/,
      ),
    ),
    default: null,
    defaultText: 'none',
    doc: 'For drills only, refused in production: kills this process with SIGKILL when it passes the named moment (before-accept, after-accept, before-publish, after-publish, after-claim, after-intent, after-send, before-outcome, after-outcome, before-ack or after-ack) for the n-th time; with :stop behind the number it stops it with SIGSTOP instead. poison: handling throws, exits, kills, hangs or blocks where the recipient, or a message, holds poison-throws, poison-exits, poison-kills, poison-hangs or poison-blocks-MS.',
  }),
};
