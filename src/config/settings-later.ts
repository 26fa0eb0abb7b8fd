import { anyText, flag, integer, milliseconds, optional, text, url } from './kind.js';
import { setting } from './setting.js';

const NONE = { default: null, live: false } as const;

/** Settings of servers that this version has no adapter for. Setting one is refused: it must not look as if it were used. */
export const SERVERS = {
  mongodbUri: setting({ env: 'MONGODB_URI', kind: optional(anyText()), ...NONE, secret: true, doc: 'MongoDB. Refused in this version.' }),
  redisUrl: setting({
    env: 'REDIS_URL',
    kind: optional(anyText()),
    ...NONE,
    secret: true,
    doc: 'Redis, redis:// or rediss://. Refused in this version.',
  }),
  redisHost: setting({ env: 'REDIS_HOST', kind: optional(anyText()), ...NONE, doc: 'Redis by host name. Refused in this version.' }),
  rabbitmqUrl: setting({
    env: 'RABBITMQ_URL',
    kind: optional(anyText()),
    ...NONE,
    secret: true,
    doc: 'RabbitMQ. Refused in this version.',
  }),
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
  recordRetentionDays: setting({
    env: 'RECORD_RETENTION_DAYS',
    kind: optional(integer(1, 36_500)),
    ...NONE,
    doc: 'Days for which a finished record is kept. Below 7 is refused: an idempotency key is honoured for 7 days at least.',
  }),
  idempotencyTtlMs: setting({
    env: 'IDEMPOTENCY_TTL_MS',
    kind: optional(milliseconds(0)),
    ...NONE,
    doc: 'Milliseconds for which a cache in front of the store remembers an idempotency key. The store itself honours keys as long as the record exists.',
  }),
  numWorkers: setting({ env: 'NUM_WORKERS', kind: optional(integer(1, 1_000)), ...NONE, doc: 'Worker processes to start.' }),
  numApiInstances: setting({ env: 'NUM_API_INSTANCES', kind: optional(integer(1, 1_000)), ...NONE, doc: 'API processes to start.' }),
  prefetchCount: setting({
    env: 'PREFETCH_COUNT',
    kind: optional(integer(1, 10_000)),
    ...NONE,
    doc: 'Wake-ups a broker hands out ahead to one consumer.',
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
  healthCheckEnabled: setting({
    env: 'HEALTH_CHECK_ENABLED',
    kind: optional(flag()),
    ...NONE,
    doc: 'Health server of a separate worker process.',
  }),
  healthCheckPort: setting({ env: 'HEALTH_CHECK_PORT', kind: optional(integer(0, 65_535)), ...NONE, doc: 'Its port.' }),
  mongodbMaxPoolSize: setting({
    env: 'MONGODB_MAX_POOL_SIZE',
    kind: optional(integer(1, 10_000)),
    ...NONE,
    doc: 'Connections of the whole fleet to MongoDB.',
  }),
  redisMaxMemory: setting({
    env: 'REDIS_MAX_MEMORY',
    kind: optional(text('a size such as 2gb', /^\d+(b|kb?|mb?|gb?)?$/i)),
    ...NONE,
    doc: 'Memory cap of the Redis server.',
  }),
  redisPort: setting({ env: 'REDIS_PORT', kind: optional(integer(1, 65_535)), ...NONE, doc: 'Port of Redis, with REDIS_HOST.' }),
  redisPassword: setting({
    env: 'REDIS_PASSWORD',
    kind: optional(anyText()),
    ...NONE,
    secret: true,
    doc: 'Password of Redis, with REDIS_HOST.',
  }),
  redisStreamDb: setting({
    env: 'REDIS_STREAM_DB',
    kind: optional(integer(0, 1_000)),
    ...NONE,
    doc: 'Logical Redis database of the streams.',
  }),
  rabbitmqConsumerGroup: setting({
    env: 'RABBITMQ_CONSUMER_GROUP',
    kind: optional(anyText()),
    ...NONE,
    doc: 'Name of the shared work queue.',
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
  directDatabaseUrl: setting({
    env: 'DIRECT_DATABASE_URL',
    kind: optional(anyText()),
    ...NONE,
    secret: true,
    doc: 'Store URL without a pool, for migrations.',
  }),
  postgresUser: setting({ env: 'POSTGRES_USER', kind: optional(anyText()), ...NONE, doc: 'Postgres user.' }),
  postgresPassword: setting({ env: 'POSTGRES_PASSWORD', kind: optional(anyText()), ...NONE, secret: true, doc: 'Postgres password.' }),
  postgresDb: setting({ env: 'POSTGRES_DB', kind: optional(anyText()), ...NONE, doc: 'Postgres database.' }),
  jwtSecret: setting({
    env: 'JWT_SECRET',
    kind: optional(text('at least 32 characters', /^.{32,}$/)),
    ...NONE,
    secret: true,
    doc: 'Key that signs access tokens, the same on all instances.',
  }),
  supabaseUrl: setting({ env: 'SUPABASE_URL', kind: optional(url()), ...NONE, secret: true, doc: 'Hosted Postgres. Never used here.' }),
  supabaseServiceRoleKey: setting({
    env: 'SUPABASE_SERVICE_ROLE_KEY',
    kind: optional(anyText()),
    ...NONE,
    secret: true,
    doc: 'Hosted Postgres. Never used here.',
  }),
  sentryDsn: setting({ env: 'SENTRY_DSN', kind: optional(url()), ...NONE, secret: true, doc: 'Error tracking.' }),
  ddApiKey: setting({ env: 'DD_API_KEY', kind: optional(anyText()), ...NONE, secret: true, doc: 'Key of an observability vendor.' }),
  slackWebhook: setting({ env: 'SLACK_WEBHOOK', kind: optional(url()), ...NONE, secret: true, doc: 'Receiver of alerts.' }),
};
