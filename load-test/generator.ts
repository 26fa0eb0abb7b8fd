import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './client.js';
import type { ChannelName } from './options.js';
import type { Receiver } from './receiver.js';
import { now } from './stats.js';

/** One user's, or many users', share of the load. */
export interface Stream {
  readonly name: string;
  /** When each is due, milliseconds from the start, never falling. Ends the stream when it is done. */
  readonly times: Iterable<number>;
  /** Whose the n-th is. */
  userOf(n: number): string;
  readonly channels: readonly ChannelName[];
  /** Every so many is sent a second time under its key; 0: none. */
  readonly repeatEvery: number;
}

/** One notification that was to be sent. Times are milliseconds since the epoch; 0 where it did not come to that. */
export interface Item {
  readonly stream: string;
  readonly key: string;
  readonly user: string;
  readonly channel: ChannelName;
  readonly recipient: string;
  readonly seq: number;
  readonly intendedAt: number;
  sentAt: number;
  answeredAt: number;
  /** 0: no answer. */
  status: number;
  recordId: string | null;
  /** What went wrong, in a word; null: it was accepted. */
  error: string | null;
  repeat: Repeat | null;
}

/** The same once more under the same key. */
export interface Repeat {
  readonly status: number;
  readonly recordId: string | null;
  /** The answer said that the key was known. */
  readonly hit: boolean;
  /** It came after the first was answered, so that it must be. */
  readonly late: boolean;
}

interface Accepted {
  readonly notificationId: string;
  readonly idempotentHit: boolean;
}

/** Far more than any server that keeps up has; beyond it the load would measure our own memory. */
const IN_FLIGHT_MAX = 20_000;
const PATH = '/api/v1/notifications';
/** How long after the first answer a late repeat comes. */
const REPEAT_AFTER_MS = 250;

const SETTLE_WITHIN_MS = 60_000;
const SETTLE_AGAIN_MS = 250;

/** Whether an answer (0: none) says neither that it was accepted nor that it was not. */
function isOpen(status: number): boolean {
  return status === 0 || status >= 500;
}

/** Arrivals at exact distances. */
export function* constantTimes(rate: number, durationMs: number): Generator<number> {
  for (let n = 0; (n * 1000) / rate < durationMs; n += 1) yield (n * 1000) / rate;
}

/** Arrivals at random distances of the same average, as many independent users make them. */
export function* poissonTimes(rate: number, durationMs: number, random: () => number = Math.random): Generator<number> {
  for (let at = gap(rate, random); at < durationMs; at += gap(rate, random)) yield at;
}

function gap(rate: number, random: () => number): number {
  return (-Math.log(1 - random()) * 1000) / rate;
}

/**
 * An open loop: each is sent when it is due, whatever became of those before, so that a server which stalls is not
 * spared by a client that waits for it. Latency counts from the time that was intended.
 */
export class OpenLoop {
  readonly items: Item[] = [];
  readonly #client: Client;
  readonly #run: string;
  readonly #receivers: ReadonlyMap<ChannelName, Receiver>;
  readonly #under = new Set<Promise<void>>();
  #capped = 0;
  #answered = 0;
  #errors = 0;

  constructor(client: Client, run: string, receivers: ReadonlyMap<ChannelName, Receiver>) {
    this.#client = client;
    this.#run = run;
    this.#receivers = receivers;
  }

  get inFlight(): number {
    return this.#under.size;
  }

  /** Not sent, because too many were under way: each an error. */
  get capped(): number {
    return this.#capped;
  }

  /** Accepted, and gone wrong, so far. */
  get counts(): { readonly accepted: number; readonly errors: number } {
    return { accepted: this.#answered, errors: this.#errors };
  }

  /** Sends the stream from `startAt` on; resolves when everything of it is answered or given up. */
  async play(stream: Stream, startAt: number): Promise<void> {
    let n = 0;
    for (const offset of stream.times) {
      const due = startAt + offset;
      for (let wait = due - now(); wait > 0; wait = due - now()) await sleep(wait);
      this.#fire(this.#itemOf(stream, n, due), stream.repeatEvery);
      n += 1;
    }
    await Promise.all(this.#under);
  }

  /**
   * Asks again under the key where no answer came, or one that leaves it open: it may have been accepted all the same. A
   * server that is still recovering is asked until it says, but not for ever.
   */
  async settleUnanswered(withinMs = SETTLE_WITHIN_MS): Promise<void> {
    const giveUpAt = now() + withinMs;
    for (const item of this.items) {
      while (isOpen(item.status) && item.sentAt !== 0 && item.recordId === null) {
        const { status, body } = await this.#post(item);
        if (status >= 200 && status < 300) item.recordId = body.notificationId;
        if (!isOpen(status) || now() > giveUpAt) break;
        await sleep(SETTLE_AGAIN_MS);
      }
    }
  }

  #itemOf(stream: Stream, n: number, intendedAt: number): Item {
    const channel = stream.channels[n % stream.channels.length] ?? 'webhook';
    const user = stream.userOf(n);
    const name = `${this.#run}-${stream.name}-${n}`;
    const { recipient } = this.#receiverOf(channel).address(user, name);
    const unsent = { sentAt: 0, answeredAt: 0, status: 0, recordId: null, error: null, repeat: null };
    return { stream: stream.name, key: name, user, channel, recipient, seq: n, intendedAt, ...unsent };
  }

  #receiverOf(channel: ChannelName): Receiver {
    const receiver = this.#receivers.get(channel);
    if (receiver === undefined) throw new Error(`nobody receives ${channel}`);
    return receiver;
  }

  #fire(item: Item, repeatEvery: number): void {
    this.items.push(item);
    if (this.#under.size >= IN_FLIGHT_MAX) {
      item.error = 'too many in flight';
      this.#capped += 1;
      this.#errors += 1;
      return;
    }
    const repeated = repeatEvery > 0 && item.seq % repeatEvery === repeatEvery - 1;
    // Every other repeat comes while the first is still under way: the hardest case for a key.
    const work = repeated ? this.#sendTwice(item, Math.floor(item.seq / repeatEvery) % 2 === 0) : this.#send(item);
    this.#under.add(work);
    void work.finally(() => this.#under.delete(work));
  }

  async #sendTwice(item: Item, atOnce: boolean): Promise<void> {
    const first = this.#send(item);
    if (!atOnce) {
      await first;
      await sleep(REPEAT_AFTER_MS);
    }
    const [{ status, body }] = await Promise.all([this.#post(item), first]);
    const positive = status >= 200 && status < 300;
    item.repeat = { status, recordId: positive ? body.notificationId : null, hit: positive && body.idempotentHit, late: !atOnce };
  }

  async #send(item: Item): Promise<void> {
    item.sentAt = now();
    const { status, body, failure } = await this.#post(item);
    item.answeredAt = now();
    item.status = status;
    if (status >= 200 && status < 300) {
      item.recordId = body.notificationId;
      this.#answered += 1;
    } else {
      item.error = failure ?? `http ${status}`;
      this.#errors += 1;
    }
  }

  /** The same bytes whenever it is sent. */
  #post({ key, user, channel, seq }: Item) {
    const body = JSON.stringify({
      userId: user,
      channels: [channel],
      to: this.#receiverOf(channel).address(user, key).to,
      category: 'load-test',
      subject: 'Your parcel',
      body: 'Your parcel has left the sorting centre and will be with you tomorrow between 9 and 12.',
      data: { run: this.#run, seq },
    });
    return this.#client.post<Accepted>(PATH, { 'content-type': 'application/json', 'idempotency-key': key }, body);
  }
}
