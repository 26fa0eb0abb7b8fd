import { randomUUID } from 'node:crypto';
import { documentId, NOTIFICATIONS, type NotificationDocument, toEvent, toRecord } from '../../src/adapters/mongo/model.js';
import { openMongo } from '../../src/adapters/mongo/mongo.js';
import { DatabaseConnectionPool, type PoolOptions } from '../../src/adapters/mongo/pool.js';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import type { RecordReader } from '../../src/ports/reader.js';
import type { RecordKey } from '../../src/ports/record.js';
import type { StoreHarness } from '../contracts/harness.js';

/** Few, so that a test reaches it. */
export const INBOX_KEEP = 12;

/** The store's view of its clock is behind by as long as a reply was on its way. */
const BEHIND_MS = 50;

type Mongo = Awaited<ReturnType<typeof openMongo>>;

export interface MongoHarness extends StoreHarness {
  /** The database itself, to look behind the ports. */
  readonly pool: DatabaseConnectionPool;
  /** Another process on the same database. */
  another(): Promise<Mongo>;
}

/** Options for a pool or a store of a test. */
export function optionsFor(uri: string, more: Partial<PoolOptions> = {}): PoolOptions {
  const own = { appName: 'test', budget: 20, processes: 1, answerMs: 10_000, onConnection: () => {} };
  return { uri, ...own, clock: createSystemClock(), timers: createSystemTimers(), ...more };
}

/** The address of a database that no other test has. */
export function databaseOn(server: string): string {
  const url = new URL(server);
  url.pathname = `/test_${randomUUID().replaceAll('-', '')}`;
  return url.href;
}

/** The MongoDB adapter on a database of its own, on a real server and its real clock. A crash is that of the client. */
export async function makeMongo(server: string): Promise<MongoHarness> {
  const uri = databaseOn(server);
  const opened: Mongo[] = [];
  const open = async (): Promise<Mongo> => {
    const mongo = await openMongo({ ...optionsFor(uri), inboxKeep: INBOX_KEEP, migrate: opened.length === 0 });
    opened.push(mongo);
    return mongo;
  };
  let current = await open();
  const pool = await DatabaseConnectionPool.open(optionsFor(uri));
  const reader = plainReader(pool);
  return {
    pool,
    get store() {
      return current.store;
    },
    get reader() {
      return reader;
    },
    get outbox() {
      return current.outbox;
    },
    another: open,
    now: () => Date.now(),
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms + (ms > 0 ? BEHIND_MS : 0))),
    async restart(how) {
      if (how === 'closed') await current.close();
      current = await open();
    },
    async dispose() {
      await pool.run((database) => database.dropDatabase());
      for (const mongo of opened) await mongo.close();
      await pool.close();
    },
  };
}

function plainReader(pool: DatabaseConnectionPool): RecordReader {
  const find = (key: RecordKey) =>
    pool.run((database) => database.collection<NotificationDocument>(NOTIFICATIONS).findOne({ _id: documentId(key) }));
  return {
    async get(key: RecordKey) {
      const document = await find(key);
      return document === null ? null : toRecord(document);
    },
    async history(key: RecordKey) {
      const document = await find(key);
      return { events: document?.events.map(toEvent) ?? [], ledger: document?.ledger ?? [] };
    },
  } as unknown as RecordReader;
}
