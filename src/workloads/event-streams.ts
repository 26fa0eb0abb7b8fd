import type { ServerResponse } from 'node:http';
import { SignalboxError } from '../errors.js';
import type { Timer, Timers } from '../ports/clock.js';

/** A comment goes out this often, so that proxies and clients see that the stream lives. */
const HEARTBEAT_MS = 15_000;
/** Heartbeats that a client may leave in our buffer before it is cut off; it comes back where it was. */
const STALLED_BEATS = 4;
/** Items read ahead of what the connection has taken. */
const PAGE = 10;

/** What there is to be heard of, and how it is put. */
export interface EventSource<Key, Place, Item> {
  /** For people: whose streams these are, e.g. `This inbox`. */
  readonly whose: string;
  /** Of the events. */
  readonly event: string;
  /** Streams of one key: of one person, their devices and open pages. */
  readonly perKey: number;
  nameOf(key: Key): string;
  placeOf(item: Item): Place;
  /** Oldest first, those behind a place; at most `limit`. */
  after(key: Key, place: Place, limit: number): Promise<readonly Item[]>;
}

interface Deps {
  readonly timers: Timers;
  /** Streams open at a time. */
  readonly most: number;
  /** The net: every stream looks into the store this often, for what another process may have put there. */
  readonly pollMs: number;
}

/** What a stream is written to. */
export type StreamTarget = Pick<ServerResponse, 'write' | 'end' | 'destroy' | 'once' | 'writableNeedDrain'>;

/** Every open stream of one kind in this process. */
export interface EventStreams<Key, Place, Item> {
  /** @throws SignalboxError `too-many-streams` (of one key) or `streams-full` (all) */
  admit(key: Key): void;
  /** Sends what comes after `place`, from now on until the client or the server ends it. Its header must be written already. */
  open(key: Key, place: Place, target: StreamTarget, view: (item: Item) => object): void;
  /** There is something new of this key. */
  arrived(key: Key): void;
  /**
   * Shows those who listen now an event that has no place: nobody resumes from it, and it is not shown again. A client that is behind
   * with reading does not get it.
   */
  announce(key: Key, event: string, data: object): void;
  /** Ends all, and takes no more: clients reconnect to whoever serves next, with the last id that they have seen. */
  end(): void;
}

export function createEventStreams<Key, Place extends string | number, Item>(
  source: EventSource<Key, Place, Item>,
  deps: Deps,
): EventStreams<Key, Place, Item> {
  return new Streams(source, deps);
}

class Streams<Key, Place extends string | number, Item> implements EventStreams<Key, Place, Item> {
  readonly #source: EventSource<Key, Place, Item>;
  readonly #deps: Deps;
  readonly #byName = new Map<string, Set<Stream<Key, Place, Item>>>();
  #open = 0;
  #ended = false;
  #beat: Timer | undefined;
  #poll: Timer | undefined;

  constructor(source: EventSource<Key, Place, Item>, deps: Deps) {
    this.#source = source;
    this.#deps = deps;
  }

  admit(key: Key): void {
    const { whose, perKey } = this.#source;
    if ((this.#byName.get(this.#source.nameOf(key))?.size ?? 0) >= perKey)
      throw new SignalboxError('too-many-streams', `${whose} has ${perKey} streams open already`, { retryAfterS: 10 });
    if (this.#open >= this.#deps.most)
      throw new SignalboxError('streams-full', `${this.#deps.most} streams are open, which is the limit`, { retryAfterS: 10 });
  }

  open(key: Key, place: Place, target: StreamTarget, view: (item: Item) => object): void {
    // Answered and ended: a browser comes back after the end of a stream, but never after an error's status.
    if (this.#ended) {
      target.end();
      return;
    }
    const name = this.#source.nameOf(key);
    const stream = new Stream(key, place, target, view, this.#source);
    const streams = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, streams.add(stream));
    this.#open += 1;
    target.once('close', () => {
      stream.close();
      streams.delete(stream);
      if (streams.size === 0) this.#byName.delete(name);
      this.#open -= 1;
    });
    this.#arm();
    stream.look();
  }

  arrived(key: Key): void {
    if (this.#open === 0) return;
    for (const stream of this.#byName.get(this.#source.nameOf(key)) ?? []) stream.look();
  }

  announce(key: Key, event: string, data: object): void {
    const streams = this.#byName.get(this.#source.nameOf(key));
    if (streams === undefined) return;
    const text = `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    for (const stream of streams) stream.announce(text);
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

  #all(): readonly Stream<Key, Place, Item>[] {
    return [...this.#byName.values()].flatMap((streams) => [...streams]);
  }
}

/** One client that listens. It holds a page of items at most: a client that reads slowly is read for slowly. */
class Stream<Key, Place extends string | number, Item> {
  #place: Place;
  #looking = false;
  /** Something arrived while we were looking: look once more. */
  #again = false;
  #closed = false;
  #stalled = 0;
  /** Called when the connection takes more, or is no more. */
  #go: (() => void) | undefined;

  constructor(
    private readonly key: Key,
    place: Place,
    private readonly target: StreamTarget,
    private readonly view: (item: Item) => object,
    private readonly source: EventSource<Key, Place, Item>,
  ) {
    this.#place = place;
  }

  look(): void {
    this.#again = true;
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    // Where the store fails, the client comes again, and hears there what is the matter.
    this.#pump().catch(() => this.end());
  }

  announce(text: string): void {
    if (!this.#closed && !this.target.writableNeedDrain) this.target.write(text);
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
      const items = await this.source.after(this.key, this.#place, PAGE);
      for (const item of items) if (!this.#closed) await this.#send(item);
      // A full page may have a next one.
      if (items.length === PAGE) this.#again = true;
    }
    this.#looking = false;
  }

  async #send(item: Item): Promise<void> {
    this.#place = this.source.placeOf(item);
    const event = `id: ${this.#place}\nevent: ${this.source.event}\ndata: ${JSON.stringify(this.view(item))}\n\n`;
    if (this.target.write(event)) return;
    await new Promise<void>((resolve) => {
      this.#go = resolve;
      this.target.once('drain', resolve);
    });
    this.#go = undefined;
  }
}
