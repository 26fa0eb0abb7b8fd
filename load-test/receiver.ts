import { start } from '../bench/child.js';
import type { ToldNotification } from '../tests/drills/evidence.js';
import type { Client } from './client.js';
import type { ChannelName } from './options.js';

/** One raw arrival at a receiver, repeats included. */
export interface Arrival {
  readonly operationId: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly channel: ChannelName;
  /** The path or name under which it came. */
  readonly target: string;
}

/** Whoever receives what the server sends. */
export interface Receiver {
  /** The field `to` of the request, and the recipient that the server will make of it. */
  address(user: string, name: string): { readonly to: object; readonly recipient: string };
  /** What arrived since this was last asked. */
  poll(): Promise<readonly Arrival[]>;
  /** What can be learned only when all is over, e.g. what had gone by unseen. */
  finish(told: readonly ToldNotification[]): Promise<readonly Arrival[]>;
  end(): Promise<void>;
}

export interface OwnReceiver extends Receiver {
  readonly port: number;
}

/** A webhook receiver on this machine, in a process of its own. */
export async function startOwnReceiver(port: number): Promise<OwnReceiver> {
  const child = start(new URL('./receiver-process.ts', import.meta.url), { profileDir: null });
  try {
    const listening = await child.ask<number>('listen', { port });
    const base = `http://127.0.0.1:${listening}`;
    return {
      port: listening,
      address(user, name) {
        const recipient = `${base}/${user}/${name}`;
        return { to: { webhook: recipient }, recipient };
      },
      poll: () => child.ask<readonly Arrival[]>('take'),
      finish: () => child.ask<readonly Arrival[]>('take'),
      end: () => child.end(),
    };
  } catch (error) {
    await child.end();
    throw error;
  }
}

interface SinkArrival {
  readonly seq: number;
  readonly receivedAtMs: number;
  readonly operationId: string;
  readonly channel: ChannelName;
  readonly target: string;
  readonly taken: boolean;
}

interface SinkListing {
  readonly arrivals: readonly SinkArrival[];
}

/**
 * The server's development sink, for one channel. It remembers a bounded number of arrivals and numbers all of them;
 * looking often sees each, and what was missed all the same is asked for by name in the end.
 */
export class SinkReceiver implements Receiver {
  readonly #client: Client;
  readonly #channel: ChannelName;
  readonly #base: string;
  readonly #known = new Set<number>();
  readonly #operations = new Set<string>();
  #since = 0;

  /** @param address where the server's workers reach the sink; null: where we do */
  constructor(client: Client, channel: ChannelName, address: string | null = null) {
    this.#client = client;
    this.#channel = channel;
    this.#base = address ?? client.url;
  }

  address(user: string, name: string): { readonly to: object; readonly recipient: string } {
    switch (this.#channel) {
      case 'webhook': {
        const recipient = `${this.#base}/sink/webhook/${name}`;
        return { to: { webhook: recipient }, recipient };
      }
      case 'email':
        return { to: { email: `${user}@load.example.org` }, recipient: `${user}@load.example.org` };
      case 'sms': {
        const phone = `+3519${String(10_000_000 + (Number(user.replace(/\D/g, '')) % 10_000_000))}`;
        return { to: { phone }, recipient: phone };
      }
      case 'push':
        return { to: { pushToken: `load-${user}` }, recipient: `load-${user}` };
      case 'in-app':
        throw new Error('the sink receives nothing in-app');
    }
  }

  /** Everything before this is not ours. */
  async skip(): Promise<void> {
    await this.poll();
  }

  async poll(): Promise<readonly Arrival[]> {
    const path = `/sink/deliveries?channel=${this.#channel}&since=${Math.floor(this.#since)}`;
    const { status, body } = await this.#client.get<SinkListing>(path);
    // A look that fails is made up for by the next.
    return status === 200 ? this.#note(body.arrivals) : [];
  }

  async finish(told: readonly ToldNotification[]): Promise<readonly Arrival[]> {
    const late = [...(await this.poll())];
    const unseen = told
      .flatMap(({ deliveries }) => deliveries)
      .filter(({ channel, operationId }) => channel === this.#channel && !this.#operations.has(operationId));
    for (const { operationId } of unseen) {
      const { status, body } = await this.#client.get<SinkListing>(`/sink/deliveries?operationId=${encodeURIComponent(operationId)}`);
      if (status === 200) late.push(...this.#note(body.arrivals));
    }
    return late;
  }

  end(): Promise<void> {
    return this.#client.close();
  }

  #note(arrivals: readonly SinkArrival[]): readonly Arrival[] {
    const fresh = arrivals.filter(({ seq, taken, channel }) => taken && channel === this.#channel && !this.#known.has(seq));
    for (const { seq, receivedAtMs, operationId } of fresh) {
      this.#known.add(seq);
      this.#operations.add(operationId);
      this.#since = Math.max(this.#since, receivedAtMs);
    }
    return fresh.map(({ operationId, receivedAtMs: at, channel, target }) => ({ operationId, at, channel, target }));
  }
}

interface InboxPage {
  readonly data: readonly { readonly itemId: string; readonly createdAt: string }[];
  readonly nextCursor: string | null;
}

/** In-app notifications arrive in the users' inboxes, which are read when all is over. */
export class InboxReceiver implements Receiver {
  readonly #client: Client;
  readonly #users = new Set<string>();

  constructor(client: Client) {
    this.#client = client;
  }

  address(user: string): { readonly to: object; readonly recipient: string } {
    this.#users.add(user);
    return { to: {}, recipient: user };
  }

  poll(): Promise<readonly Arrival[]> {
    return Promise.resolve([]);
  }

  async finish(told: readonly ToldNotification[]): Promise<readonly Arrival[]> {
    const ours = new Set(told.flatMap(({ deliveries }) => deliveries.map(({ operationId }) => operationId)));
    const found: Arrival[] = [];
    for (const user of this.#users) {
      for (let cursor: string | null = ''; cursor !== null; ) {
        const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const { status, body }: { status: number; body: InboxPage } = await this.#client.get(
          `/api/v1/users/${user}/inbox?limit=100${query}`,
        );
        if (status !== 200) break;
        for (const { itemId, createdAt } of body.data) {
          if (ours.has(itemId)) found.push({ operationId: itemId, at: Date.parse(createdAt), channel: 'in-app', target: user });
        }
        cursor = body.nextCursor;
      }
    }
    return found;
  }

  async end(): Promise<void> {}
}
