import { Redis } from 'ioredis';
import { createConnection } from 'mongoose';
import { GROUP, Names } from '../../../../src/adapters/redis-streams/names.js';
import { withDatabase } from '../settings.js';
import type { Stage } from '../stage.js';

/** REDIS_STREAM_DB where nobody sets it. */
const STREAM_DB = 1;
const NAMES = new Names('', 'msg');

/** A row of the store, as the store itself has it. */
export interface Row {
  readonly id: string;
  readonly conversationId: string;
  readonly clientMessageId: string | null;
  readonly persistedAt: number;
}

/** Asks the stream Redis itself, not the fleet. */
async function withStreams<T>({ servers }: Pick<Stage, 'servers'>, ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(servers.redis.uri, { db: STREAM_DB, lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}

/** Entries that are handed out and not settled, not handed out yet, or in line behind one that failed: of all partitions, old ones too. */
export function leftInStreams(stage: Stage): Promise<number> {
  return withStreams(stage, async (redis) => {
    let left = 0;
    for (let partition = 0; ; partition += 1) {
      const { stream, parked, waiting } = NAMES.of(partition);
      if ((await redis.exists(stream)) === 0) return left;
      left += (await openIn(redis, stream)) + Math.max(await redis.zcard(waiting), await redis.zcard(parked));
    }
  });
}

/** Counted, not believed: XINFO's own lag is not known after some deletions. */
async function openIn(redis: Redis, stream: string): Promise<number> {
  const groups = (await redis.xinfo('GROUPS', stream)) as (string | number)[][];
  const group = groups.map(fieldsOf).find((one) => one.get('name') === GROUP);
  const behind = await redis.xrange(stream, `(${group?.get('last-delivered-id') ?? '0-0'}`, '+');
  return Number(group?.get('pending') ?? 0) + behind.length;
}

function fieldsOf(flat: readonly (string | number)[]): ReadonlyMap<string, string | number> {
  return new Map(Array.from({ length: flat.length / 2 }, (_, n) => [String(flat[2 * n]), flat[2 * n + 1] ?? '']));
}

/** What it remembers of ids goes, as after an eviction. Gives how many keys went. */
export function forgetRepeats(stage: Stage): Promise<number> {
  return withStreams(stage, async (redis) => {
    let forgotten = 0;
    for await (const keys of redis.scanStream({ match: 'dedupe:*', count: 1_000 })) {
      if (keys.length > 0) forgotten += await redis.unlink(...(keys as string[]));
    }
    return forgotten;
  });
}

/** Every message that the store has, read past the program. */
export async function rowsOf({ servers }: Pick<Stage, 'servers'>): Promise<readonly Row[]> {
  const connection = createConnection(withDatabase(servers.mongodb.uri), { serverSelectionTimeoutMS: 5_000, maxPoolSize: 1 });
  try {
    const { db } = await connection.asPromise();
    if (db === undefined) throw new Error('no connection to the store');
    const found = db.collection<Omit<Row, 'id'> & { readonly _id: string }>('messages').find({});
    return (await found.toArray()).map(({ _id: id, conversationId, clientMessageId, persistedAt }) => ({
      id,
      conversationId,
      clientMessageId,
      persistedAt,
    }));
  } finally {
    await connection.destroy(true);
  }
}
