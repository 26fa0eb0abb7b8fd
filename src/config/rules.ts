import { weakness } from './secret-strength.js';
import { brokenServers, serversOf } from './servers.js';
import type { SettingName, Values } from './settings.js';
import { SETTINGS } from './settings.js';
import { DEVELOPMENT_LINK_SECRET } from './settings-people.js';
import { DEVELOPMENT_SENDER, DEVELOPMENT_WEBHOOK_SECRET } from './settings-server.js';

/** The share of a lease after which a worker gives it up for lost; an attempt must be over by then. */
const USABLE_SHARE_OF_LEASE = 0.8;

/** For so long an idempotency key is honoured whatever else is configured. */
const KEY_HONOURED_DAYS = 7;

interface Rule {
  /** The settings it compares. When one of them cannot be read the rule is silent: its complaint would be about a default. */
  readonly about: readonly SettingName[];
  /** What is wrong and what to set, or null. */
  readonly broken: (values: Values) => string | null;
}

const BETWEEN: readonly Rule[] = [
  {
    about: ['heartbeatMs', 'leaseMs'],
    broken: ({ heartbeatMs, leaseMs }) =>
      heartbeatMs !== null && heartbeatMs >= leaseMs / 2
        ? `HEARTBEAT_MS: ${heartbeatMs} is not below half of LEASE_MS (${leaseMs}); set it below ${leaseMs / 2}, or raise LEASE_MS`
        : null,
  },
  {
    about: ['lockDurationMs', 'leaseMs'],
    broken: ({ lockDurationMs, leaseMs }) =>
      lockDurationMs < leaseMs
        ? `LOCK_DURATION_MS: ${lockDurationMs} is below LEASE_MS (${leaseMs}); set it to ${leaseMs} or more, or lower LEASE_MS`
        : null,
  },
  {
    about: ['sendTimeoutMs', 'leaseMs'],
    broken: ({ sendTimeoutMs, leaseMs }) => {
      const limit = leaseMs * USABLE_SHARE_OF_LEASE;
      const wrong = `SEND_TIMEOUT_MS: ${sendTimeoutMs} is not below 80 % of LEASE_MS (${leaseMs})`;
      return sendTimeoutMs >= limit ? `${wrong}; set it below ${limit}, or raise LEASE_MS` : null;
    },
  },
  {
    about: ['retryBackoffMaxMs', 'retryBackoffMs'],
    broken: ({ retryBackoffMaxMs: longest, retryBackoffMs: base }) =>
      longest < base ? `RETRY_BACKOFF_MAX_MS: ${longest} is below RETRY_BACKOFF_MS (${base}); set it to ${base} or more` : null,
  },
  {
    about: ['recordRetentionDays'],
    broken: ({ recordRetentionDays: days }) =>
      days !== null && days < KEY_HONOURED_DAYS
        ? `RECORD_RETENTION_DAYS: ${days} is shorter than the ${KEY_HONOURED_DAYS} days for which idempotency keys are honoured; set ${KEY_HONOURED_DAYS} or more`
        : null,
  },
];

function wrongDatabase(url: string): string | null {
  const scheme = url.slice(0, url.indexOf(':')).toLowerCase();
  switch (scheme) {
    case 'file':
      return fileUrlDirectory(url) === null
        ? 'DATABASE_URL: file: must be followed by a directory of this machine; set e.g. file:./data or file:///var/lib/signalbox'
        : null;
    case 'mongodb':
    case 'mongodb+srv':
      return null;
    case 'postgres':
    case 'postgresql':
      return 'DATABASE_URL: Postgres is not built in; leave it empty or set file:./data, and see docs/configuration.md';
    default:
      return `DATABASE_URL: there is no store for ${scheme}:; leave it empty or set file:./data`;
  }
}

const OF_SERVERS: readonly Rule[] = [
  { about: ['databaseUrl'], broken: ({ databaseUrl }) => (databaseUrl === null ? null : wrongDatabase(databaseUrl)) },
  {
    about: ['databaseUrl', 'mongodbUri'],
    broken: ({ databaseUrl, mongodbUri }) =>
      databaseUrl !== null && mongodbUri !== null && databaseUrl !== mongodbUri
        ? 'DATABASE_URL: names another store than MONGODB_URI; unset one of them'
        : null,
  },
  {
    about: ['storeDriver'],
    broken: ({ storeDriver }) =>
      storeDriver === 'postgres' ? 'STORE_DRIVER: "postgres" is not there; set embedded, or mongodb with MONGODB_URI' : null,
  },
  {
    about: ['queueDriver'],
    broken: ({ queueDriver }) =>
      queueDriver === 'redis' ? 'QUEUE_DRIVER: "redis" is not there; set embedded, or rabbitmq with RABBITMQ_URL' : null,
  },
  {
    about: ['postgresHost'],
    broken: ({ postgresHost }) => (postgresHost === null ? null : 'POSTGRES_HOST: would not be used, there is no store for it; unset it'),
  },
];

/** The settings that say together which servers there are. */
const SERVERS_ABOUT = ['mongodbUri', 'databaseUrl', 'storeDriver', 'rabbitmqUrl', 'queueDriver', 'redisUrl', 'roles'] as const;

const HOW_TO_MAKE_A_SECRET = 'set whsec_ followed by the base64 of 32 random bytes (openssl rand -base64 32)';

const HOW_TO_MAKE_A_LINK_SECRET = 'set 32 random bytes or more (openssl rand -base64 32)';

const HOW_TO_MAKE_A_KEY = 'set 32 random bytes (openssl rand -base64 32)';

function strong(name: 'adminApiKey' | 'jwtSecret'): Rule {
  return {
    about: [name],
    broken(values) {
      const secret = values[name];
      const why = secret === null ? null : weakness(secret);
      return why === null ? null : `${SETTINGS[name].env}: its value ${why}; ${HOW_TO_MAKE_A_KEY}`;
    },
  };
}

const OF_IDENTITY: readonly Rule[] = [
  strong('adminApiKey'),
  strong('jwtSecret'),
  {
    about: ['jwtSecret', ...SERVERS_ABOUT],
    broken: (values) =>
      values.jwtSecret === null && values.roles.includes('api') && serversOf(values).mongodb !== null
        ? `JWT_SECRET: is not set, and the APIs of a fleet must have the same; ${HOW_TO_MAKE_A_KEY}`
        : null,
  },
  {
    about: ['authRequired'],
    broken: ({ authRequired }) =>
      authRequired === 'off' ? 'AUTH_REQUIRED: off would leave the API open to everybody; set auto or on' : null,
  },
];

function overTls(name: 'smsUrl' | 'pushUrl'): Rule {
  return {
    about: [name],
    broken: (values) =>
      values[name] !== null && new URL(values[name]).protocol === 'http:'
        ? `${SETTINGS[name].env}: is plain http, which shows messages and the token to everyone on the way; set https://…`
        : null,
  };
}

const OF_PRODUCTION: readonly Rule[] = [
  {
    about: ['smtpUrl'],
    broken: ({ smtpUrl }) =>
      smtpUrl === null ? 'SMTP_URL: is not set, and production has no sink to stand in; set smtp://user:password@host:port' : null,
  },
  {
    about: ['webhookSecrets'],
    broken: ({ webhookSecrets: secrets }) => {
      if (secrets.length === 0) return `WEBHOOK_SECRET: is not set; ${HOW_TO_MAKE_A_SECRET}`;
      const known = secrets.includes(DEVELOPMENT_WEBHOOK_SECRET);
      return known ? `WEBHOOK_SECRET: holds the public development secret; ${HOW_TO_MAKE_A_SECRET}` : null;
    },
  },
  {
    about: ['linkSecrets'],
    broken: ({ linkSecrets: secrets }) => {
      if (secrets.length === 0) return `LINK_SECRET: is not set; ${HOW_TO_MAKE_A_LINK_SECRET}`;
      const known = secrets.includes(DEVELOPMENT_LINK_SECRET);
      return known ? `LINK_SECRET: holds the public development secret; ${HOW_TO_MAKE_A_LINK_SECRET}` : null;
    },
  },
  {
    about: ['failpoint'],
    broken: ({ failpoint }) => (failpoint === null ? null : 'FAILPOINT: would kill this process, which is for drills; unset it'),
  },
  overTls('smsUrl'),
  overTls('pushUrl'),
  { about: ['sink'], broken: ({ sink }) => (sink === 'on' ? 'SINK: on would swallow real work in production; set auto or off' : null) },
  {
    about: ['corsOrigins'],
    broken: ({ corsOrigins }) => (corsOrigins.includes('*') ? 'CORS_ORIGINS: * lets every page call the API; name the origins' : null),
  },
];

/** What is wrong with settings that can each be read, one line each. `unreadable` ones are not spoken of. */
export function brokenRules(values: Values, unreadable: ReadonlySet<SettingName>): string[] {
  const production = values.nodeEnv === 'production' ? [...OF_PRODUCTION, ...OF_IDENTITY] : [];
  const lines = [...BETWEEN, ...OF_SERVERS, ...production]
    .filter((rule) => !rule.about.some((name) => unreadable.has(name)))
    .map((rule) => rule.broken(values))
    .filter((line) => line !== null);
  return SERVERS_ABOUT.some((name) => unreadable.has(name)) ? lines : [...lines, ...brokenServers(values)];
}

/** The directory that a `file:` URL names, or null where it names none. Relative ones (`file:./data`) are taken as they stand. */
export function fileUrlDirectory(url: string): string | null {
  const path = url.slice('file:'.length);
  if (!path.startsWith('//')) return path === '' ? null : path;
  const absolute = path.slice(2).replace(/^localhost(?=\/)/, '');
  return absolute.startsWith('/') && absolute !== '/' ? absolute : null;
}

/** What is allowed but surely not what was meant. */
export function doubts(values: Values, given: readonly SettingName[]): string[] {
  const warnings = given
    .filter((name) => !SETTINGS[name].live)
    .map((name) => `${SETTINGS[name].env}: is set but has no effect in this version`);
  if (values.databaseUrl !== null && given.includes('dataDir') && fileUrlDirectory(values.databaseUrl) !== values.dataDir) {
    warnings.push('DATA_DIR: is set but not used, DATABASE_URL names another directory');
  }
  warnings.push(...serverDoubts(values, given));
  if (values.nodeEnv === 'production' && values.publicUrl === null) {
    warnings.push('PUBLIC_URL: is not set, so the links in e-mail name localhost, which no recipient can reach');
  }
  if (values.nodeEnv === 'production' && values.smtpUrl !== null && values.emailFrom === DEVELOPMENT_SENDER) {
    warnings.push(`EMAIL_FROM: is not set, so e-mail comes from ${values.emailFrom}, which relays refuse`);
  }
  return warnings;
}

function serverDoubts(values: Values, given: readonly SettingName[]): string[] {
  const warnings: string[] = [];
  const { mongodb, rabbitmq, redis } = serversOf(values);
  if (mongodb !== null && given.includes('dataDir')) warnings.push('DATA_DIR: is set but not used, the store is MongoDB');
  if (mongodb === null && values.mongodbUri !== null) warnings.push('MONGODB_URI: is set but not used, STORE_DRIVER is embedded');
  if (mongodb !== null && redis === null) {
    warnings.push(
      'REDIS_URL: is not set, so rates and limits count in each process, live events come by polling, and messages have no log: they are stored before they are acknowledged',
    );
  }
  if (rabbitmq !== null && given.includes('workerBatchSize') && values.workerBatchSize > values.prefetchCount) {
    warnings.push(
      `WORKER_BATCH_SIZE: ${values.workerBatchSize} cannot fill with PREFETCH_COUNT ${values.prefetchCount}; a claim takes ${values.prefetchCount} at most`,
    );
  }
  return warnings;
}
