import mongoose, { type mongo } from 'mongoose';
import type { Timer, Timers } from '../../ports/clock.js';

/** After a pause of our own, an answer may be there that nobody has read yet: it has this long to be read. */
const SECOND_LOOK_MS = 1000;
/** Between two tries to connect anew. */
const AGAIN_MS = 2000;

export interface LastingClientOptions {
  /** With credentials. */
  readonly uri: string;
  readonly driver: mongo.MongoClientOptions & { readonly connectTimeoutMS: number; readonly socketTimeoutMS: number };
  readonly timers: Timers;
  /** Told of every change of what is known of the servers, by whichever client. `anew`: why this client is not the first; null: it is. */
  onServers(servers: readonly mongo.ServerDescription[], anew: string | null): void;
}

/**
 * A client of the driver, and another one in its place when the driver has lost its way: version 7.8 waits for ever for a connection to
 * drain that was closed between the making of a message and its writing. A heartbeat that is lost so is the last one: the server may
 * be back for long, and the client never looks. What is under way on the old client may end there.
 */
export class LastingClient {
  readonly #options: LastingClientOptions;
  readonly #old = new Map<mongo.MongoClient, Timer>();
  #client: mongo.MongoClient;
  #standing!: () => number;
  #unwatch!: () => void;
  #closing = false;

  constructor(options: LastingClientOptions) {
    this.#options = options;
    this.#client = this.#make(null);
  }

  /** The one to go by now. */
  get current(): mongo.MongoClient {
    return this.#client;
  }

  /** Rejects when no server answers. */
  async connect(): Promise<void> {
    await this.#client.connect();
  }

  /** Open connections of commands. */
  standing(): number {
    return this.#standing();
  }

  /** @param why the one that is there is of no use any more */
  renew(why: string): void {
    if (this.#closing) return;
    const old = this.#client;
    this.#unwatch();
    old.removeAllListeners();
    this.#old.set(
      old,
      this.#options.timers.after(this.#options.driver.socketTimeoutMS, () => this.#end(old)),
    );
    this.#client = this.#make(why);
    void this.#keepConnecting(this.#client);
  }

  /** Twice is fine. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#unwatch();
    for (const [old, timer] of [...this.#old]) {
      timer.cancel();
      this.#end(old);
    }
    await this.#client.close();
  }

  #make(anew: string | null): mongo.MongoClient {
    const { uri, driver, timers, onServers } = this.#options;
    const client = new mongoose.mongo.MongoClient(uri, driver);
    this.#standing = connectionsOf(client);
    client.on('topologyDescriptionChanged', ({ newDescription }) => onServers([...newDescription.servers.values()], anew));
    // It may connect first, and ask then.
    const limitMs = 2 * driver.connectTimeoutMS;
    this.#unwatch = watchHeartbeats(client, timers, limitMs, (address) => this.renew(`the heartbeat of ${address} never ended`));
    return client;
  }

  async #keepConnecting(client: mongo.MongoClient): Promise<void> {
    while (!this.#closing && this.#client === client) {
      try {
        await client.connect();
        return;
      } catch {
        await new Promise<void>((resolve) => this.#options.timers.after(AGAIN_MS, resolve));
      }
    }
  }

  /** Nobody waits for it: that it does not end is what was wrong with it. */
  #end(old: mongo.MongoClient): void {
    this.#old.delete(old);
    old.close().catch(() => undefined);
  }
}

/**
 * Tells of a server whose heartbeat has begun and not ended within the limit, nor within a second look.
 * @returns stops it
 */
export function watchHeartbeats(
  client: Pick<mongo.MongoClient, 'on'>,
  timers: Timers,
  limitMs: number,
  onSilent: (address: string) => void,
): () => void {
  const open = new Map<string, Timer>();
  const ended = (address: string): void => {
    open.get(address)?.cancel();
    open.delete(address);
  };
  const after = (address: string, ms: number, then: () => void): void => void open.set(address, timers.after(ms, then));
  client.on('serverHeartbeatStarted', ({ connectionId: address }) => {
    ended(address);
    after(address, limitMs, () => after(address, SECOND_LOOK_MS, () => onSilent(address)));
  });
  client.on('serverHeartbeatSucceeded', ({ connectionId }) => ended(connectionId));
  client.on('serverHeartbeatFailed', ({ connectionId }) => ended(connectionId));
  client.on('serverClosed', ({ address }) => ended(address));
  return () => {
    for (const address of [...open.keys()]) ended(address);
  };
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
