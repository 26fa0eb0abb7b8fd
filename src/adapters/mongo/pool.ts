import mongoose, { type Connection, type mongo } from 'mongoose';
import pLimit, { type LimitFunction } from 'p-limit';
import type { SignalboxError } from '../../errors.js';
import type { Clock, Timers } from '../../ports/clock.js';
import { isPassing, translated, unavailable } from './errors.js';
import { LastingClient, type LastingClientOptions } from './lasting-client.js';

/** How often the server is asked whether it is there. */
const HEARTBEAT_MS = 2000;
/** A connection that nobody uses is closed after this long. */
const IDLE_MS = 10_000;
/** The longest wait for a server that does not answer: whoever asks the API must be told within a second. */
const SELECTION_MS = 1000;
/** The longest that a connection may take to come about, and a heartbeat to be answered. */
const CONNECT_MS = 3000;
/** Longer than the driver can need for a command, its own repetition included: it has lost what has not ended by then. Or four time limits, where that is more. */
const LOST_MS = 30_000;
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
  readonly #client: LastingClient;
  readonly #connection: Connection;
  #closing = false;

  /** Rejects with `store-unavailable` when no server answers. */
  static async open(options: PoolOptions): Promise<DatabaseConnectionPool> {
    const pool = new DatabaseConnectionPool(options);
    try {
      await pool.#client.connect();
      pool.#connection.setClient(pool.#client.current);
    } catch (error) {
      await pool.close();
      throw translated(error);
    }
    return pool;
  }

  private constructor(options: PoolOptions) {
    const { uri, appName, budget, processes, timers, answerMs } = options;
    this.#options = options;
    this.#limit = pLimit(shareOf(budget, processes));
    this.#client = new LastingClient({
      uri,
      timers,
      driver: {
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
      },
      onServers: this.#watch(),
    });
    this.#connection = mongoose.createConnection();
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
    return { open: this.#client.standing(), inUse: this.#limit.activeCount, limit: this.#limit.concurrency };
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
    const running = command(this.#client.current.db());
    return await new Promise<T>((resolve, reject) => {
      const limit = timers.after(leftMs, () => {
        reject(late());
        this.#expectEnd(running);
      });
      running.then(resolve, reject).finally(() => limit.cancel());
    });
  }

  /** What nobody waits for any more has an end of its own, by the driver's limits, or the driver has lost it, and its connection with it. */
  #expectEnd(running: Promise<unknown>): void {
    const { timers, answerMs } = this.#options;
    const lost = timers.after(Math.max(LOST_MS, 4 * answerMs), () => this.#client.renew('a command never ended'));
    const ended = (): void => lost.cancel();
    running.then(ended, ended);
  }

  #watch(): LastingClientOptions['onServers'] {
    const { onConnection } = this.#options;
    let state: 'new' | 'there' | 'away' = 'new';
    const turn = (next: 'there' | 'away', detail: string): void => {
      if (this.#closing || state === next || (state === 'new' && next === 'away')) return;
      const event = next === 'away' ? 'disconnected' : state === 'new' ? 'connected' : 'reconnected';
      state = next;
      onConnection(event, detail);
    };
    return (servers, anew) => {
      const there = servers.find((server) => server.isWritable);
      if (there !== undefined) turn('there', anew === null ? there.address : `${there.address}, by a new client: ${anew}`);
      else turn('away', servers.map((server) => `${server.address}: ${server.error?.message ?? server.type}`).join('; '));
    };
  }
}

/** Commands at a time of one process among so many. */
function shareOf(budget: number, processes: number): number {
  return Math.max(LEAST, Math.floor(budget / Math.max(1, processes)) - MONITOR);
}
