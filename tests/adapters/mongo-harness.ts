import { randomUUID } from 'node:crypto';
import { type Mongo, openMongo } from '../../src/adapters/mongo/mongo.js';
import { DatabaseConnectionPool, type PoolOptions } from '../../src/adapters/mongo/pool.js';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import type { StoreHarness } from '../contracts/harness.js';

/** Few, so that a test reaches it. */
export const INBOX_KEEP = 12;

/** The store's view of its clock is behind by as long as a reply was on its way. */
const BEHIND_MS = 50;

export interface MongoHarness extends StoreHarness, Omit<Mongo, 'probe' | 'connections' | 'share' | 'close'> {
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
  return {
    pool,
    get store() {
      return current.store;
    },
    get reader() {
      return current.reader;
    },
    get outbox() {
      return current.outbox;
    },
    get desk() {
      return current.desk;
    },
    get people() {
      return current.people;
    },
    get inbox() {
      return current.inbox;
    },
    get messages() {
      return current.messages;
    },
    get payloads() {
      return current.payloads;
    },
    get keys() {
      return current.keys;
    },
    get duties() {
      return current.duties;
    },
    get fleet() {
      return current.fleet;
    },
    get retention() {
      return current.retention;
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
