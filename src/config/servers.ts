import type { Role } from './kind.js';
import type { Values } from './settings.js';

/** The servers that a fleet shares, with their credentials in their URLs; null: the embedded one, or none. */
export interface Servers {
  readonly mongodb: { readonly uri: string; readonly directUri: string } | null;
  readonly rabbitmq: { readonly url: string } | null;
  readonly redis: { readonly url: string } | null;
}

/** Puts user and password into a URL that names none. Works on URLs of many hosts, which `URL` does not understand. */
function withCredentials(url: string, username: string | null, password: string | null): string {
  const at = url.indexOf('://') + 3;
  const authority = url.slice(at).split(/[/?]/, 1)[0] ?? '';
  if (authority.includes('@') || (username === null && password === null)) return url;
  const secret = password === null ? '' : `:${encodeURIComponent(password)}`;
  return `${url.slice(0, at)}${encodeURIComponent(username ?? '')}${secret}@${url.slice(at)}`;
}

/** Where MongoDB is, by whichever setting names it; null where none does or another store is wanted. */
function mongoOf({ mongodbUri, databaseUrl, storeDriver }: Values): string | null {
  if (storeDriver === 'embedded') return null;
  return mongodbUri ?? (databaseUrl !== null && isMongo(databaseUrl) ? databaseUrl : null);
}

function isMongo(url: string): boolean {
  return /^mongodb(\+srv)?:/i.test(url);
}

function redisOf({ redisUrl, redisHost, redisPort }: Values): string | null {
  if (redisUrl !== null) return redisUrl;
  return redisHost === null ? null : `redis://${redisHost.includes(':') ? `[${redisHost}]` : redisHost}:${redisPort}`;
}

export function serversOf(values: Values): Servers {
  const mongo = mongoOf(values);
  const redis = redisOf(values);
  const { mongodbUsername, mongodbPassword, directDatabaseUrl, rabbitmqUrl, rabbitmqUsername, rabbitmqPassword, queueDriver } = values;
  const wantsRabbit = queueDriver === null || queueDriver === 'rabbitmq';
  return {
    mongodb:
      mongo === null
        ? null
        : {
            uri: withCredentials(mongo, mongodbUsername, mongodbPassword),
            directUri: withCredentials(directDatabaseUrl ?? mongo, mongodbUsername, mongodbPassword),
          },
    rabbitmq: rabbitmqUrl === null || !wantsRabbit ? null : { url: withCredentials(rabbitmqUrl, rabbitmqUsername, rabbitmqPassword) },
    redis: redis === null ? null : { url: withCredentials(redis, values.redisUsername, values.redisPassword) },
  };
}

const DEFAULT_LOGINS = /:\/\/(guest:guest|admin:admin|root:root|user:bitnami|[^:@/]*:development-only)@/;

/** What keeps these servers from being used together, one line each. */
export function brokenServers(values: Values): string[] {
  const { mongodb, rabbitmq, redis } = serversOf(values);
  const lines: string[] = [];
  const driver = (wrong: boolean, line: string): void => void (wrong && lines.push(line));
  driver(
    values.storeDriver === 'mongodb' && mongodb === null,
    'STORE_DRIVER: mongodb needs MONGODB_URI, e.g. mongodb://mongodb:27017/notifications',
  );
  driver(values.queueDriver === 'rabbitmq' && rabbitmq === null, 'QUEUE_DRIVER: rabbitmq needs RABBITMQ_URL, e.g. amqp://rabbitmq:5672');
  driver(
    mongodb !== null && rabbitmq === null,
    'MONGODB_URI: processes that share a store need a queue that they share; set RABBITMQ_URL, e.g. amqp://rabbitmq:5672',
  );
  driver(
    rabbitmq !== null && mongodb === null,
    'RABBITMQ_URL: carries wake-ups between processes, which the embedded store does not serve; set MONGODB_URI or unset it',
  );
  driver(
    redis !== null && mongodb === null,
    'REDIS_URL: is what processes share, and the embedded store serves one; set MONGODB_URI and RABBITMQ_URL, or unset it',
  );
  driver(
    mongodb === null && !doesAll(values.roles),
    `ROLE: ${values.roles.join(',')} leaves work to other processes, which the embedded store does not serve; set MONGODB_URI and RABBITMQ_URL, or ROLE=all`,
  );
  if (values.nodeEnv !== 'production') return lines;
  for (const [name, url] of [
    ['MONGODB_URI', mongodb?.uri],
    ['RABBITMQ_URL', rabbitmq?.url],
    ['REDIS_URL', redis?.url],
  ] as const) {
    driver(url !== undefined && DEFAULT_LOGINS.test(url), `${name}: has a password that everybody knows; set another`);
  }
  return lines;
}

/** A process that leaves nothing to others. */
function doesAll(roles: readonly Role[]): boolean {
  return (['api', 'worker', 'scheduler', 'janitor'] as const).every((role) => roles.includes(role));
}
