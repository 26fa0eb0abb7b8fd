import { anyText, flag, integer, milliseconds, optional, text, url } from './kind.js';
import { setting } from './setting.js';

const NONE = { default: null, live: false } as const;

/** Settings of servers that this version has no adapter for. Setting one is refused: it must not look as if it were used. */
export const SERVERS = {
  postgresHost: setting({
    env: 'POSTGRES_HOST',
    kind: optional(anyText()),
    ...NONE,
    doc: 'Postgres by host name. Refused: there is no adapter for it.',
  }),
};

/** Accepted, checked and warned about; nothing reads them yet. */
export const LATER = {
  docsEnabled: setting({ env: 'DOCS_ENABLED', kind: optional(flag()), ...NONE, doc: 'Serve the pages of the API description.' }),
  logRetentionDays: setting({
    env: 'LOG_RETENTION_DAYS',
    kind: optional(integer(1, 3_650)),
    ...NONE,
    doc: 'Days for which job logs are kept.',
  }),
  idempotencyTtlMs: setting({
    env: 'IDEMPOTENCY_TTL_MS',
    kind: optional(milliseconds(0)),
    ...NONE,
    doc: 'Milliseconds for which a cache in front of the store remembers an idempotency key. The store itself honours keys as long as the record exists.',
  }),
  workerConcurrency: setting({
    env: 'WORKER_CONCURRENCY',
    kind: optional(integer(1, 1_000)),
    ...NONE,
    doc: 'Jobs one worker runs at a time.',
  }),
  stepTimeoutMs: setting({
    env: 'STEP_TIMEOUT_MS',
    kind: optional(milliseconds(1)),
    ...NONE,
    doc: 'Milliseconds one step of a job may take.',
  }),
  redisMaxMemory: setting({
    env: 'REDIS_MAX_MEMORY',
    kind: optional(text('a size such as 2gb', /^\d+(b|kb?|mb?|gb?)?$/i)),
    ...NONE,
    doc: 'Memory cap of the Redis server.',
  }),
  redisStreamDb: setting({
    env: 'REDIS_STREAM_DB',
    kind: optional(integer(0, 1_000)),
    ...NONE,
    doc: 'Logical Redis database of the streams.',
  }),
  streamPartitions: setting({
    env: 'STREAM_PARTITIONS',
    kind: optional(integer(1, 1_024)),
    ...NONE,
    doc: 'Ordered partitions of the message stream.',
  }),
  streamMaxRetries: setting({
    env: 'STREAM_MAX_RETRIES',
    kind: optional(integer(0, 1_000)),
    ...NONE,
    doc: 'Retries of a stream entry before it is a dead letter.',
  }),
  streamPollIntervalMs: setting({
    env: 'STREAM_POLL_INTERVAL_MS',
    kind: optional(milliseconds(1)),
    ...NONE,
    doc: 'Milliseconds a stream read blocks.',
  }),
  streamBatchSize: setting({ env: 'STREAM_BATCH_SIZE', kind: optional(integer(1, 10_000)), ...NONE, doc: 'Stream entries of one read.' }),
  postgresUser: setting({ env: 'POSTGRES_USER', kind: optional(anyText()), ...NONE, doc: 'Postgres user.' }),
  postgresPassword: setting({ env: 'POSTGRES_PASSWORD', kind: optional(anyText()), ...NONE, secret: true, doc: 'Postgres password.' }),
  postgresDb: setting({ env: 'POSTGRES_DB', kind: optional(anyText()), ...NONE, doc: 'Postgres database.' }),
  supabaseUrl: setting({ env: 'SUPABASE_URL', kind: optional(url()), ...NONE, secret: true, doc: 'Hosted Postgres. Never used here.' }),
  supabaseServiceRoleKey: setting({
    env: 'SUPABASE_SERVICE_ROLE_KEY',
    kind: optional(anyText()),
    ...NONE,
    secret: true,
    doc: 'Hosted Postgres. Never used here.',
  }),
  ddApiKey: setting({ env: 'DD_API_KEY', kind: optional(anyText()), ...NONE, secret: true, doc: 'Key of an observability vendor.' }),
  slackWebhook: setting({ env: 'SLACK_WEBHOOK', kind: optional(url()), ...NONE, secret: true, doc: 'Receiver of alerts.' }),
};
