import type { Redis as Client } from 'ioredis';
import type { Timers } from '../../ports/clock.js';
import { disconnect } from './connection.js';
import type { Names } from './names.js';

/** After a failed wait (the server is away, say) nobody asks again at once. */
const PAUSE_MS = 500;

/**
 * Waiting for something new in a partition: XREAD with BLOCK, which takes nothing away from anybody, on a connection for each
 * partition that this process owns. A connection that blocks can do nothing else.
 */
export class Arrivals {
  readonly #names: Names;
  readonly #timers: Timers;
  readonly #connect: (name: string) => Client;
  readonly #clients = new Map<number, Client>();
  /** The last entry of which the reader knows. */
  readonly #reached = new Map<number, string>();
  /** Each ends one wait at once. */
  readonly #cuts = new Set<() => void>();
  #closed = false;

  /** @param open a connection whose commands may take as long as they block */
  constructor(names: Names, timers: Timers, open: (name: string) => Client) {
    this.#names = names;
    this.#timers = timers;
    this.#connect = open;
  }

  reached(partition: number, entry: string): void {
    this.#reached.set(partition, entry);
  }

  async next(partition: number, maxMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#closed) return;
    const after = this.#reached.get(partition);
    // It has never been read to its end: there may be something.
    if (after === undefined) return;
    const client = this.#clientOf(partition);
    let cut = (): void => undefined;
    // The connection's own events are not enough: one that is given up before it began, or between two tries, tells nothing.
    const cutShort = new Promise<'cut'>((resolve) => {
      cut = () => {
        void this.#drop(partition);
        resolve('cut');
      };
    });
    this.#cuts.add(cut);
    signal.addEventListener('abort', cut, { once: true });
    try {
      await Promise.race([cutShort, this.#read(client, partition, after, maxMs)]);
    } catch {
      if (!signal.aborted) await this.#pause(Math.min(maxMs, PAUSE_MS), signal);
    } finally {
      this.#cuts.delete(cut);
      signal.removeEventListener('abort', cut);
    }
  }

  count(): number {
    return this.#clients.size;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const dropped = [...this.#clients.keys()].map((partition) => this.#drop(partition));
    for (const cut of [...this.#cuts]) cut();
    await Promise.all(dropped);
  }

  async #read(client: Client, partition: number, after: string, maxMs: number): Promise<void> {
    await ready(client);
    await client.xread('COUNT', 1, 'BLOCK', Math.max(1, Math.ceil(maxMs)), 'STREAMS', this.#names.of(partition).stream, after);
  }

  #clientOf(partition: number): Client {
    const there = this.#clients.get(partition);
    if (there !== undefined) return there;
    const client = this.#connect(`partition-${partition}`);
    // Somebody else tells of the connection's troubles; here they only make a wait shorter.
    client.on('error', () => undefined);
    this.#clients.set(partition, client);
    return client;
  }

  async #drop(partition: number): Promise<void> {
    const client = this.#clients.get(partition);
    this.#clients.delete(partition);
    if (client !== undefined) await disconnect(client);
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = this.#timers.after(ms, end);
      signal.addEventListener('abort', end, { once: true });
    });
  }
}

/** Nothing waits in a connection that does not stand, so whoever has just made one waits for it. */
function ready(client: Client): Promise<void> {
  if (client.status === 'ready') return Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = (end: () => void) => (): void => {
      client.off('ready', good);
      client.off('close', bad);
      client.off('end', bad);
      end();
    };
    const good = settle(resolve);
    const bad = settle(() => reject(new Error('no connection')));
    client.once('ready', good);
    client.once('close', bad);
    // Given up before it began, it says nothing else.
    client.once('end', bad);
  });
}
