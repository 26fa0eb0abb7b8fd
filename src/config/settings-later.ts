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
