import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { type Environment, readEnvironment } from '../config/env-file.js';
import { serversOf } from '../config/servers.js';
import type { Values } from '../config/settings.js';
import { readSettings } from '../config.js';
import { ClusterError } from './options.js';

/** What the fleet is to run on: every child gets these variables, and some of its own. */
export interface Surroundings {
  readonly variables: NodeJS.ProcessEnv;
  readonly values: Values;
  /** Where the servers come from, for a person. */
  readonly origin: string;
}

const SERVERS_FILE = 'data/servers.env';

const SIGN_IN: readonly string[] = ['MONGODB', 'RABBITMQ', 'REDIS'].flatMap((server) => [`${server}_USERNAME`, `${server}_PASSWORD`]);

const NO_SERVERS = `the processes of a cluster share MongoDB and RabbitMQ, and neither the environment nor .env names them:
  set MONGODB_URI and RABBITMQ_URL (and REDIS_URL), e.g. in .env, or
  start some of your own with npm run servers, which writes ${SERVERS_FILE}`;

/**
 * The settings of this process, with those of the development servers under them where no others are named.
 * @throws ClusterError (2) when there are no servers, or a setting is wrong
 */
export function surroundings(directory: string, environment: Environment = readEnvironment()): Surroundings {
  const own = environment.variables;
  // Which roles each process has is ours to say.
  const named = readSettings({ ...own, ROLE: 'all' });
  if (named.errors.length > 0) throw new ClusterError(named.errors.join('\n'), 2);
  if (serversOf(named.values).mongodb !== null) return { variables: own, values: named.values, origin: 'the environment' };
  const file = serversFile(directory);
  if (file === null) throw new ClusterError(NO_SERVERS, 2);
  // What .env says of signing in is about other servers than these: those of the compose stack, say.
  // Set to nothing and not left out: the children would read .env themselves.
  const strange = Object.fromEntries(SIGN_IN.filter((name) => environment.fromFile.has(name)).map((name) => [name, '']));
  const set = Object.entries(own).filter(([, value]) => value !== undefined && value.trim() !== '');
  const variables = { ...file, ...Object.fromEntries(set), ...strange };
  const { values, errors } = readSettings({ ...variables, ROLE: 'all' });
  if (errors.length > 0) throw new ClusterError([`with the servers of ${SERVERS_FILE}:`, ...errors].join('\n'), 2);
  if (serversOf(values).mongodb === null) throw new ClusterError(NO_SERVERS, 2);
  return { variables, values, origin: SERVERS_FILE };
}

function serversFile(directory: string): NodeJS.ProcessEnv | null {
  try {
    return parseEnv(readFileSync(join(directory, SERVERS_FILE), 'utf8')) as NodeJS.ProcessEnv;
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** The servers of the cluster, each with its address: `host:port`, without credentials. Those of many hosts by their first. */
export function addressesOf(values: Values): readonly { readonly name: string; readonly host: string; readonly port: number }[] {
  const { mongodb, rabbitmq, redis } = serversOf(values);
  const all = [
    ['MongoDB', mongodb?.uri, 27_017],
    ['RabbitMQ', rabbitmq?.url, 5_672],
    ['Redis', redis?.url, 6_379],
  ] as const;
  return all.flatMap(([name, url, usual]) => {
    if (url === undefined) return [];
    const [, host = '', port] = /^[^:]+:\/\/(?:[^@/]*@)?(\[[^\]]+\]|[^:/,?]+)(?::(\d+))?/.exec(url) ?? [];
    return [{ name, host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? usual) }];
  });
}

const CONNECT_WITHIN_MS = 3_000;

/** The first of these addresses where nobody listens, or null. */
export async function unreachable(addresses: ReturnType<typeof addressesOf>): Promise<string | null> {
  for (const { name, host, port } of addresses) {
    const why = await whyUnreachable(host, port);
    if (why !== null) return `${name} at ${host}:${port} does not answer (${why})`;
  }
  return null;
}

function whyUnreachable(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_WITHIN_MS });
    const end = (why: string | null): void => {
      socket.destroy();
      resolve(why);
    };
    socket.once('connect', () => end(null));
    socket.once('timeout', () => end('no connection in time'));
    socket.once('error', (error) => end('code' in error ? String(error.code) : error.message));
  });
}
