import { SignalboxError } from '../../errors.js';
import type { Clock, Timers } from '../../ports/clock.js';
import type { StorePorts } from '../../ports/store-ports.js';
import { commandsOn } from './collection.js';
import { MongoDesk } from './desk.js';
import { MongoDuties } from './duties.js';
import { MongoFleet } from './fleet.js';
import { MongoInbox } from './inbox.js';
import { MongoKeys } from './keys.js';
import { MongoMessages } from './messages.js';
import { checkSchema, Migrations } from './migrations.js';
import type { NotificationDocument } from './model.js';
import { notificationModel } from './notification.js';
import { MongoOutbox } from './outbox.js';
import { MongoPayloads } from './payloads.js';
import { MongoPeople } from './people.js';
import { DatabaseConnectionPool } from './pool.js';
import { MongoReader } from './reader.js';
import { MongoRetention } from './retention.js';
import { ServerClock } from './server-clock.js';
import { MongoStore } from './store.js';

export interface MongoOptions {
  /** With credentials. */
  readonly uri: string;
  /** What the server shows of us: the worker's id. */
  readonly appName: string;
  /** Connections of the whole fleet. */
  readonly budget: number;
  /** Those who share it, as a first guess; {@link Mongo.share} corrects it. */
  readonly processes: number;
  /** Only its monotonic time is used. */
  readonly clock: Clock;
  readonly timers: Timers;
  /** Items that each person's inbox keeps. */
  readonly inboxKeep: number;
  /** The time limit of one command, milliseconds. */
  readonly answerMs: number;
  /** Bring indexes and shapes up to date first, as `signalbox migrate up` does. Left out: a database that is behind is refused. */
  readonly migrate?: boolean;
  onConnection(event: 'connected' | 'disconnected' | 'reconnected', detail: string): void;
}

export interface Mongo extends StorePorts {
  /** Resolves when the server answers. */
  probe(): Promise<void>;
  /** `open` and `inUse` connections of this process, and how many commands it may run at a time. */
  connections(): { readonly open: number; readonly inUse: number; readonly limit: number };
  /** So many processes share the budget from now on. */
  share(processes: number): void;
  /** Twice is fine. */
  close(): Promise<void>;
}

/**
 * Store, registry and all that lives in MongoDB. Rejects with `store-unavailable` when no server answers, and with
 * `store-refused` when the database lacks what `signalbox migrate up` makes.
 */
export async function openMongo(options: MongoOptions): Promise<Mongo> {
  if (options.migrate === true) await migrateFirst(options);
  const pool = await DatabaseConnectionPool.open(options);
  try {
    await checkSchema(pool);
  } catch (error) {
    await pool.close();
    throw error;
  }
  const serverClock = new ServerClock(pool, options.clock);
  const notifications = commandsOn<NotificationDocument>(pool, notificationModel(pool.connection).collection.name);
  return {
    store: new MongoStore(notifications, serverClock),
    outbox: new MongoOutbox(notifications, serverClock),
    reader: new MongoReader(pool, options.clock, options.timers),
    desk: new MongoDesk(pool),
    people: new MongoPeople(pool),
    inbox: new MongoInbox(pool, serverClock, options.inboxKeep),
    messages: new MongoMessages(pool, serverClock),
    payloads: new MongoPayloads(pool),
    keys: new MongoKeys(pool, serverClock),
    duties: new MongoDuties(pool),
    fleet: new MongoFleet(pool),
    retention: new MongoRetention(pool, serverClock),
    probe: async () => {
      await pool.run((database) => database.command({ ping: 1 }));
    },
    connections: () => pool.connections(),
    share: (processes: number) => pool.share(processes),
    close: () => pool.close(),
  };
}

/** Another's migration is waited for, half a minute and more. */
const MIGRATION_LOOK_MS = 500;
const MIGRATION_LOOKS = 120;

async function migrateFirst(options: MongoOptions): Promise<void> {
  const migrations = await Migrations.open(options);
  try {
    // A fleet starts all at once: one of it migrates, the others wait for that.
    for (let looks = 0; (await migrations.status()).some(({ appliedAt }) => appliedAt === null); looks += 1) {
      try {
        await migrations.up();
        return;
      } catch (error) {
        if (!(error instanceof SignalboxError && error.code === 'migration-under-way') || looks >= MIGRATION_LOOKS) throw error;
        await new Promise<void>((resolve) => options.timers.after(MIGRATION_LOOK_MS, resolve));
      }
    }
  } finally {
    await migrations.close();
  }
}
