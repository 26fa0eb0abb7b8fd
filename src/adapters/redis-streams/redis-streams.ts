import type { Redis as Client } from 'ioredis';
import type { Chance } from '../../ports/chance.js';
import type { Clock, Timers } from '../../ports/clock.js';
import type { StreamPorts } from '../../ports/stream.js';
import { Appender } from './append.js';
import { Arrivals } from './arrivals.js';
import { connect, disconnect } from './connection.js';
import { RedisStreamControl } from './control.js';
import { RedisStreamDesk } from './desk.js';
import { type DurabilityFacts, readDurability } from './durability.js';
import { KnownIds } from './known.js';
import { Layouts } from './layouts.js';
import { RedisPartitionLeases } from './leases.js';
import { RedisStreamLog } from './log.js';
import { Names } from './names.js';
import { type Guard, Scripts } from './scripts.js';

/** An accept waits for the disk of the server; beyond this it is answered that it did not go. */
const ANSWER_MS = 2000;
/** So long a repeat is recognised by the stream alone. */
const REMEMBER_MS = 5 * 60_000;
/** The longest that a reader blocks, whatever it is asked for: a connection that says nothing for longer is made anew. */
const BLOCK_MAX_MS = 30_000;

export interface RedisStreamsOptions {
  /** redis:// or rediss://, with its credentials. */
  readonly url: string;
  /** Logical database; null: as the URL says. */
  readonly db: number | null;
  /** Of all keys. Left out: none, so that streams are called `msg:stream:0` and so on. */
  readonly prefix?: string;
  /** Left out: `msg`. */
  readonly stream?: string;
  /** Of this process, for the server's client list. */
  readonly name: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly chance: Chance;
  /** Left out: every call is made. */
  readonly guard?: Guard;
  /** Time limit of a command, milliseconds. Left out: 2,000. */
  readonly answerMs?: number;
  /** Milliseconds for which ids are remembered. Left out: five minutes. */
  readonly rememberMs?: number;
  /** Told when the connection stands, falls, and stands again. `detail`: where and why, without credentials. */
  readonly onConnection: (event: 'connected' | 'disconnected' | 'reconnected', detail: string) => void;
}

/** A stream on a Redis server. */
export interface RedisStreams extends StreamPorts {
  /** Rejects when the server does not answer; never goes through the guard. */
  probe(): Promise<void>;
  /** How durable the server makes what it is given. */
  durability(): Promise<DurabilityFacts>;
  /** Open connections of this process. */
  connections(): number;
  close(): Promise<void>;
}

/** Resolves when the server has answered, or with the first failure: a server that is away keeps nobody from starting. */
export async function openRedisStreams(options: RedisStreamsOptions): Promise<RedisStreams> {
  const { url, db, name, clock, timers, chance, guard = (call) => call(), onConnection } = options;
  const { answerMs = ANSWER_MS, rememberMs = REMEMBER_MS } = options;
  const settings = { url, db, chance };
  const client = connect({ ...settings, name: `${name}:stream`, answerMs, gather: true });
  const first = watchConnection(client, onConnection);
  const scripts = new Scripts(client, guard);
  const names = new Names(options.prefix ?? '', options.stream ?? 'msg');
  const layouts = new Layouts(scripts, names, clock, rememberMs);
  const arrivals = new Arrivals(names, timers, (suffix) =>
    connect({ ...settings, name: `${name}:${suffix}`, answerMs: BLOCK_MAX_MS + answerMs, gather: false }),
  );
  const control = new RedisStreamControl(scripts, names, layouts);
  await first;
  return {
    log: new RedisStreamLog(scripts, names, layouts, {
      appender: new Appender(scripts, names, layouts, rememberMs),
      arrivals,
      known: new KnownIds(scripts, layouts, clock, rememberMs),
    }),
    leases: new RedisPartitionLeases(scripts, names, layouts, control),
    control,
    desk: new RedisStreamDesk(scripts, names, layouts, rememberMs),
    async probe() {
      await client.ping();
    },
    durability: () => scripts.ask(() => readDurability(client)),
    connections: () => (client.status === 'ready' ? 1 : 0) + arrivals.count(),
    async close() {
      client.removeAllListeners('close');
      await Promise.all([disconnect(client), arrivals.close()]);
    },
  };
}

/** Resolves with the first news, good or bad. */
function watchConnection(client: Client, onConnection: RedisStreamsOptions['onConnection']): Promise<void> {
  const where = `${client.options.host ?? 'localhost'}:${client.options.port ?? 6379}`;
  let lastError = 'the server closed the connection';
  let stood = false;
  let down = false;
  return new Promise((resolve) => {
    client.on('ready', () => {
      onConnection(stood ? 'reconnected' : 'connected', where);
      stood = true;
      down = false;
      resolve();
    });
    client.on('close', () => {
      if (!down) onConnection('disconnected', `${where}: ${lastError}`);
      down = true;
      resolve();
    });
    client.on('error', (error: Error) => {
      lastError = error.message;
    });
  });
}
