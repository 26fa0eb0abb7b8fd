import mongoose, { type Connection, type mongo } from 'mongoose';
import pLimit, { type LimitFunction } from 'p-limit';
import type { SignalboxError } from '../../errors.js';
import type { Clock, Timers } from '../../ports/clock.js';
import { isPassing, translated, unavailable } from './errors.js';

/** How often the server is asked whether it is there. */
const HEARTBEAT_MS = 2000;
/** A connection that nobody uses is closed after this long. */
const IDLE_MS = 10_000;
/** The longest wait for a server that does not answer: whoever asks the API must be told within a second. */
const SELECTION_MS = 1000;
/** The longest that a connection may take to come about, and a heartbeat to be answered. */
const CONNECT_MS = 3000;
/** The driver keeps one connection for its heartbeats. */
const MONITOR = 1;
/** Below this a process could not renew its leases beside its other work. */
const LEAST = 2;

export interface PoolOptions {
  /** With credentials. */
  readonly uri: string;
  readonly appName: string;
  /** Connections of the whole fleet. */
  readonly budget: number;
  /** Those who share it, as far as is known. */
  readonly processes: number;
  readonly clock: Clock;
  readonly timers: Timers;
  /** The time limit of one command, milliseconds. */
  readonly answerMs: number;
  onConnection(event: 'connected' | 'disconnected' | 'reconnected', detail: string): void;
}

/**
 * The connections of this process, out of the budget of the fleet: so many commands at a time as are its share, each on
 * one connection, and none (its wait in line included) for longer than `answerMs`. The driver opens a connection when a command needs it and closes
 * it when it is idle.
 */
export class DatabaseConnectionPool {
  readonly #options: PoolOptions;
  readonly #limit: LimitFunction;
  readonly #client: mongo.MongoClient;
  readonly #connection: Connection;
  readonly #standing: () => number;
  #closing = false;

  /** Rejects with `store-unavailable` when no server answers. */
  static async open(options: PoolOptions): Promise<DatabaseConnectionPool> {
    const pool = new DatabaseConnectionPool(options);
    try {
      await pool.#client.connect();
      pool.#connection.setClient(pool.#client);
    } catch (error) {
      await pool.close();
      throw translated(error);
    }
    return pool;
  }

  private constructor(options: PoolOptions) {
    const { uri, appName, budget, processes, answerMs } = options;
    this.#options = options;
    this.#limit = pLimit(shareOf(budget, processes));
    this.#client = new mongoose.mongo.MongoClient(uri, {
      appName,
      // The limit of commands is the true one and follows the fleet; this is what it can never exceed.
      maxPoolSize: shareOf(budget, 1),
      maxIdleTimeMS: IDLE_MS,
      serverMonitoringMode: 'poll',
      heartbeatFrequencyMS: HEARTBEAT_MS,
      serverSelectionTimeoutMS: Math.min(SELECTION_MS, answerMs),
      connectTimeoutMS: Math.min(answerMs, CONNECT_MS),
      socketTimeoutMS: answerMs,
      waitQueueTimeoutMS: answerMs,
      // Durable when it is answered: on a single server that wants the journal, in a replica set a majority of them.
      writeConcern: { w: 'majority', journal: true },
      ignoreUndefined: true,
    });
    this.#standing = connectionsOf(this.#client);
    this.#connection = mongoose.createConnection();
    this.#watch();
  }

  /** For models; commands go through {@link run}. */
  get connection(): Connection {
    return this.#connection;
  }

  /**
   * Runs one command (or a few, one after the other) when it is its turn. A command whose connection broke is repeated once at
   * once, so it must be safe to repeat. Rejects with `store-unavailable` or `store-full`; duplicates come as the driver has them.
   */
  run<T>(command: (database: mongo.Db) => Promise<T>): Promise<T> {
    const { clock, answerMs } = this.#options;
    // Waiting in line counts: when the server is silent, those who wait learn it with those who asked.
    const until = clock.monotonic() + answerMs;
    return this.#limit(async () => {
      try {
        return await this.#timed(command, until);
      } catch (error) {
        if (!isPassing(error)) throw translated(error);
      }
      try {
        return await this.#timed(command, until);
      } catch (error) {
        throw translated(error);
      }
    });
  }

  /** So many processes share the budget from now on. */
  share(processes: number): void {
    this.#limit.concurrency = shareOf(this.#options.budget, processes);
  }

  /** `open`: those of commands; the heartbeat's is one more. `limit`: how many commands may run at a time. */
  connections(): { open: number; inUse: number; limit: number } {
    return { open: this.#standing(), inUse: this.#limit.activeCount, limit: this.#limit.concurrency };
  }

  /** Twice is fine. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    await this.#client.close();
  }

  async #timed<T>(command: (database: mongo.Db) => Promise<T>, until: number): Promise<T> {
    const { clock, timers, answerMs } = this.#options;
    const late = (): SignalboxError => unavailable(`MongoDB did not answer within ${answerMs} ms.`);
    const leftMs = until - clock.monotonic();
    if (leftMs < 1) throw late();
    return await new Promise<T>((resolve, reject) => {
      const limit = timers.after(leftMs, () => reject(late()));
      command(this.#client.db())
        .then(resolve, reject)
        .finally(() => limit.cancel());
    });
  }

  #watch(): void {
    const { onConnection } = this.#options;
    let state: 'new' | 'there' | 'away' = 'new';
    const turn = (next: 'there' | 'away', detail: string): void => {
      if (this.#closing || state === next || (state === 'new' && next === 'away')) return;
      const event = next === 'away' ? 'disconnected' : state === 'new' ? 'connected' : 'reconnected';
      state = next;
      onConnection(event, detail);
    };
    this.#client.on('topologyDescriptionChanged', ({ newDescription }) => {
      const servers = [...newDescription.servers.values()];
      const there = servers.find((server) => server.isWritable);
      if (there !== undefined) turn('there', there.address);
      else turn('away', servers.map((server) => `${server.address}: ${server.error?.message ?? server.type}`).join('; '));
    });
  }
}

/**
 * How many connections of a client stand. They are not counted from when they are created: of one that comes about while the pool is
 * being cleared the driver never says that it was closed.
 */
export function connectionsOf(client: Pick<mongo.MongoClient, 'on'>): () => number {
  const standing = new Set<string>();
  client.on('connectionReady', ({ address, connectionId }) => {
    standing.add(`${address} ${connectionId}`);
  });
  client.on('connectionClosed', ({ address, connectionId }) => {
    standing.delete(`${address} ${connectionId}`);
  });
  return () => standing.size;
}

/** Commands at a time of one process among so many. */
function shareOf(budget: number, processes: number): number {
  return Math.max(LEAST, Math.floor(budget / Math.max(1, processes)) - MONITOR);
}
