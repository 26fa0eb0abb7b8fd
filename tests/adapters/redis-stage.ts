import { Redis as Client } from 'ioredis';
import { openRedis, type Redis, type RedisOptions } from '../../src/adapters/redis/redis.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import { type OwnServer, startOwn } from '../support/servers/own.js';

/** Says by its answer that it was asked instead of the server. */
export const OWN_WAIT_MS = 123_456;

const timers = createSystemTimers();

/** One process's view of the server. */
export interface Opened {
  readonly redis: Redis;
  readonly events: readonly string[];
  /** Resolves when the last that was told of the connection is this. */
  until(event: string): Promise<void>;
}

/** A server, processes that use it, and a look behind the scenes. */
export interface RedisStage {
  readonly server: OwnServer;
  readonly admin: Client;
  open(options?: Partial<RedisOptions>): Promise<Opened>;
  /** The processes end, the server is empty. */
  clear(): Promise<void>;
  end(): Promise<void>;
}

export async function setRedisStage(): Promise<RedisStage> {
  const server = await startOwn('redis');
  const admin = new Client(server.uri);
  admin.on('error', () => undefined);
  let opened: Opened[] = [];

  const open = async (options: Partial<RedisOptions> = {}): Promise<Opened> => {
    const events: string[] = [];
    const waiting = new Set<() => void>();
    const redis = await openRedis({
      url: server.uri,
      name: 'worker 1',
      timers,
      chance: { next: () => 0 },
      fallback: { take: () => OWN_WAIT_MS },
      // A machine that is busy with other tests must not look like a server that says nothing.
      answerMs: 10_000,
      onConnection: (event) => {
        events.push(event);
        for (const look of waiting) look();
      },
      ...options,
    });
    const until = (event: string): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (events.at(-1) === event) resolve();
        };
        waiting.add(look);
        look();
      });
    const one = { redis, events, until };
    opened.push(one);
    return one;
  };

  const close = async (): Promise<void> => {
    await Promise.all(opened.map(({ redis }) => redis.close()));
    opened = [];
  };
  return {
    server,
    admin,
    open,
    async clear() {
      await close();
      await admin.flushall();
    },
    async end() {
      await close();
      admin.disconnect();
      await server.dispose();
    },
  };
}

export function passed(ms: number): Promise<void> {
  return new Promise((resolve) => timers.after(ms, resolve));
}
