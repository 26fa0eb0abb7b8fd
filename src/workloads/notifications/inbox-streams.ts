import type { ServerResponse } from 'node:http';
import { SignalboxError } from '../../errors.js';
import type { Timer, Timers } from '../../ports/clock.js';
import type { InboxItem, InboxKey, InboxStore } from '../../ports/inbox.js';

/** A comment goes out this often, so that proxies and clients see that the stream lives. */
const HEARTBEAT_MS = 15_000;
/** Heartbeats that a client may leave in our buffer before it is cut off; it comes back where it was. */
const STALLED_BEATS = 4;
/** Streams of one person: their devices and open pages. */
const PER_PERSON = 10;
/** Items read ahead of what the connection has taken. */
const PAGE = 10;

interface Deps {
  readonly inbox: Pick<InboxStore, 'after'>;
  readonly timers: Timers;
  /** Streams open at a time. */
  readonly most: number;
  /** The net: every stream looks into the store this often, for what another process may have put there. */
  readonly pollMs: number;
}

/** What a stream is written to. */
export type StreamTarget = Pick<ServerResponse, 'write' | 'end' | 'destroy' | 'once' | 'writableNeedDrain'>;

/** How an item is put into the stream's data. */
export type ItemView = (item: InboxItem) => object;

/** Every open stream of every inbox in this process. */
export interface InboxStreams {
  /** @throws SignalboxError `too-many-streams` (one person's) or `streams-full` (all) */
  admit(key: InboxKey): void;
  /** Sends what comes after `seq`, from now on until the client or the server ends it. Its header must be written already. */
  open(key: InboxKey, seq: number, target: StreamTarget, view: ItemView): void;
  /** There is something new in this inbox. */
  arrived(key: InboxKey): void;
  /** Ends all, and takes no more: clients reconnect to whoever serves next, with the last id that they have seen. */
  end(): void;
}

export function createInboxStreams(deps: Deps): InboxStreams {
  return new Streams(deps);
}

class Streams implements InboxStreams {
  readonly #deps: Deps;
  readonly #byInbox = new Map<string, Set<Stream>>();
  #open = 0;
  #ended = false;
  #beat: Timer | undefined;
  #poll: Timer | undefined;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  admit(key: InboxKey): void {
    if ((this.#byInbox.get(nameOf(key))?.size ?? 0) >= PER_PERSON)
      throw new SignalboxError('too-many-streams', `This inbox has ${PER_PERSON} streams open already`, { retryAfterS: 10 });
    if (this.#open >= this.#deps.most)
      throw new SignalboxError('streams-full', `${this.#deps.most} streams are open, which is the limit`, { retryAfterS: 10 });
  }

  open(key: InboxKey, seq: number, target: StreamTarget, view: ItemView): void {
    // Answered and ended: a browser comes back after the end of a stream, but never after an error's status.
    if (this.#ended) {
      target.end();
      return;
    }
    const name = nameOf(key);
    const stream = new Stream(key, seq, target, view, this.#deps.inbox);
    const streams = this.#byInbox.get(name) ?? new Set();
    this.#byInbox.set(name, streams.add(stream));
    this.#open += 1;
    target.once('close', () => {
      stream.close();
      streams.delete(stream);
      if (streams.size === 0) this.#byInbox.delete(name);
      this.#open -= 1;
    });
    this.#arm();
    stream.look();
  }

  arrived(key: InboxKey): void {
    for (const stream of this.#byInbox.get(nameOf(key)) ?? []) stream.look();
  }

  end(): void {
    this.#ended = true;
    this.#beat?.cancel();
    this.#poll?.cancel();
    for (const stream of this.#all()) stream.end();
  }

  /** One timer for all heartbeats and one for all looks, and none while nobody listens. */
  #arm(): void {
    this.#beat ??= this.#deps.timers.after(HEARTBEAT_MS, () => {
      this.#beat = undefined;
      for (const stream of this.#all()) stream.beat();
      if (this.#open > 0) this.#arm();
    });
    this.#poll ??= this.#deps.timers.after(this.#deps.pollMs, () => {
      this.#poll = undefined;
      for (const stream of this.#all()) stream.look();
      if (this.#open > 0) this.#arm();
    });
  }

  #all(): readonly Stream[] {
    return [...this.#byInbox.values()].flatMap((streams) => [...streams]);
  }
}

/** One client that listens. It holds a page of items at most: a client that reads slowly is read for slowly. */
class Stream {
  #seq: number;
  #looking = false;
  /** Something arrived while we were looking: look once more. */
  #again = false;
  #closed = false;
  #stalled = 0;
  /** Called when the connection takes more, or is no more. */
  #go: (() => void) | undefined;

  constructor(
    private readonly key: InboxKey,
    seq: number,
    private readonly target: StreamTarget,
    private readonly view: ItemView,
    private readonly inbox: Deps['inbox'],
  ) {
    this.#seq = seq;
  }

  look(): void {
    this.#again = true;
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    // Where the store fails, the client comes again, and hears there what is the matter.
    this.#pump().catch(() => this.end());
  }

  beat(): void {
    if (!this.target.writableNeedDrain) {
      this.#stalled = 0;
      this.target.write(': still here\n\n');
      return;
    }
    this.#stalled += 1;
    if (this.#stalled >= STALLED_BEATS) this.target.destroy();
  }

  end(): void {
    this.close();
    this.target.end();
  }

  close(): void {
    this.#closed = true;
    this.#go?.();
  }

  async #pump(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      const items = await this.inbox.after(this.key, this.#seq, PAGE);
      for (const item of items) if (!this.#closed) await this.#send(item);
      // A full page may have a next one.
      if (items.length === PAGE) this.#again = true;
    }
    this.#looking = false;
  }

  async #send(item: InboxItem): Promise<void> {
    this.#seq = item.seq;
    if (this.target.write(`id: ${item.seq}\nevent: notification\ndata: ${JSON.stringify(this.view(item))}\n\n`)) return;
    await new Promise<void>((resolve) => {
      this.#go = resolve;
      this.target.once('drain', resolve);
    });
    this.#go = undefined;
  }
}

function nameOf({ tenant, userId }: InboxKey): string {
  return `${tenant}\u0000${userId}`;
}
