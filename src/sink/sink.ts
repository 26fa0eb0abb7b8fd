import type { Clock, Timers } from '../ports/clock.js';
import { Behaviours, SINK_CHANNELS, type SinkChannel } from './behaviour.js';
import { hashRecipient, LedgerFile } from './ledger-file.js';
import type { SignatureVerdict } from './verify-signature.js';

export interface SinkOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Arrivals of each channel that are kept to look at. Default: 1000. */
  readonly keep?: number;
  /** Operation ids that are remembered to tell repeats. Default: 200,000, about 30 MB. */
  readonly remember?: number;
  /** Standard Webhooks secrets to verify signatures with. */
  readonly secrets?: readonly string[];
  /** File that every effect is appended to before it is answered for. */
  readonly ledgerPath?: string;
  /** Where senders reach it, where that is not where readers do: the containers of a stack have names of their own. */
  readonly address?: string;
}

/** What a receiver hands in. */
export interface Received {
  readonly channel: SinkChannel;
  /** A recipient's address, number or token, or a webhook's name. */
  readonly target: string;
  /** null: it carried none, and cannot be a repeat of anything. */
  readonly operationId: string | null;
  readonly subject: string | null;
  /** The body's beginning. */
  readonly excerpt: string;
  readonly requestId: string | null;
  /** E-mail only: what a mail program makes its unsubscribe button of. */
  readonly listUnsubscribe?: { readonly url: string; readonly post: string | null };
  readonly signature: SignatureVerdict;
  /** What it is answered with, e.g. `200`, `hang`. */
  readonly answer: string;
  /** Whether the receiver acts on it. */
  readonly taken: boolean;
}

/** One raw arrival, repeats and refusals included. */
export interface Arrival extends Received {
  /** Rises by one with each arrival of the sink. */
  readonly seq: number;
  /** ISO 8601. */
  readonly receivedAt: string;
  /** Milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /** How often this operation id has been taken, this time included; 0 when it was not taken. */
  readonly n: number;
}

/** What a receiver that keeps ids would have done: one per operation id. */
export interface SinkEffect
  extends Pick<Arrival, 'channel' | 'target' | 'operationId' | 'subject' | 'excerpt' | 'requestId' | 'receivedAt' | 'receivedAtMs'> {
  readonly lastReceivedAt: string;
  /** Raw repeats that were absorbed. For e-mail each one is a second copy in somebody's mailbox. */
  readonly duplicates: number;
}

/** Exact from the start (or the last clearing) on, whatever is still kept. */
export interface ChannelCounters {
  /** Everything that came. */
  readonly arrivals: number;
  /** Distinct operation ids taken (exact as long as a repeat comes within the remembered ids). */
  readonly effects: number;
  /** Taken again under a known id. */
  readonly duplicates: number;
  /** Answered without being taken. */
  readonly refused: number;
  readonly invalidSignatures: number;
}

export interface ListQuery {
  readonly channel?: SinkChannel;
  readonly operationId?: string;
  /** Milliseconds since the epoch; what came earlier is left out. */
  readonly since?: number;
}

export interface Listing {
  readonly counters: Readonly<Record<SinkChannel, ChannelCounters>>;
  /** Newest first. */
  readonly arrivals: readonly Arrival[];
  /** Newest first, of the arrivals that are still kept. */
  readonly effects: readonly SinkEffect[];
}

type Counters = { -readonly [K in keyof ChannelCounters]: number };

/** The development receiver's memory: bounded in what it keeps, exact in what it counts. */
export class Sink {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly secrets: readonly string[];
  /** Where senders reach it; null: where readers do. */
  readonly address: string | null;
  readonly behaviours = new Behaviours();
  readonly #keep: number;
  readonly #remember: number;
  readonly #ledger: LedgerFile | null;
  #seq = 0;
  #kept = forEach((): Arrival[] => []);
  #counters = forEach(noCounts);
  /** How often each (channel, operation id) was taken, oldest first. */
  readonly #taken = new Map<string, number>();
  readonly #held = new Set<() => void>();

  constructor(options: SinkOptions) {
    this.clock = options.clock;
    this.timers = options.timers;
    this.secrets = options.secrets ?? [];
    this.address = options.address ?? null;
    this.#keep = options.keep ?? 1000;
    this.#remember = options.remember ?? 200_000;
    this.#ledger = options.ledgerPath === undefined ? null : new LedgerFile(options.ledgerPath);
    for (const line of this.#ledger?.earlier ?? []) this.#count(line.channel, line.operationId);
  }

  /** Notes an arrival; when it returns, an effect is in the ledger and may be answered for. */
  record(received: Received): Arrival {
    this.#seq += 1;
    const now = this.clock.now();
    const { channel } = received;
    const operationId = received.operationId ?? `unidentified-${this.#seq}`;
    const n = received.taken ? this.#count(channel, operationId) : 0;
    if (n > 0) this.#ledger?.append({ operationId, channel, recipientHash: hashRecipient(received.target), at: now, n });
    const counters = this.#counters[channel];
    counters.arrivals += 1;
    if (n === 0) counters.refused += 1;
    if (received.signature === 'invalid') counters.invalidSignatures += 1;
    const arrival = { ...received, operationId, seq: this.#seq, receivedAt: new Date(now).toISOString(), receivedAtMs: now, n };
    this.#keepArrival(arrival);
    return arrival;
  }

  list(query: ListQuery = {}): Listing {
    const { channel, operationId, since } = query;
    const arrivals = SINK_CHANNELS.filter((one) => channel === undefined || one === channel)
      .flatMap((one) => this.#lastOf(one))
      .filter((arrival) => operationId === undefined || arrival.operationId === operationId)
      .filter((arrival) => since === undefined || arrival.receivedAtMs >= since)
      .sort((a, b) => b.seq - a.seq);
    return { counters: structuredClone(this.#counters), arrivals, effects: effectsOf(arrivals) };
  }

  /** Forgets arrivals, counts and ids. Scripts and the ledger file stay. */
  clear(): void {
    this.#kept = forEach((): Arrival[] => []);
    this.#counters = forEach(noCounts);
    this.#taken.clear();
  }

  /** Keeps an unanswered connection until {@link letGo}; `cut` ends it. The returned function forgets it. */
  hold(cut: () => void): () => void {
    this.#held.add(cut);
    return () => this.#held.delete(cut);
  }

  /** Cuts every connection that is being left without an answer. */
  letGo(): void {
    for (const cut of [...this.#held]) cut();
    this.#held.clear();
  }

  close(): void {
    this.letGo();
    this.#ledger?.close();
  }

  #count(channel: SinkChannel, operationId: string): number {
    const key = `${channel} ${operationId}`;
    const n = (this.#taken.get(key) ?? 0) + 1;
    this.#taken.set(key, n);
    if (n === 1) this.#counters[channel].effects += 1;
    else this.#counters[channel].duplicates += 1;
    if (this.#taken.size > this.#remember) this.#taken.delete(this.#taken.keys().next().value ?? '');
    return n;
  }

  #keepArrival(arrival: Arrival): void {
    const kept = this.#kept[arrival.channel];
    kept.push(arrival);
    // Cut back in one go once twice too long, instead of shifting a thousand entries with each arrival.
    if (kept.length >= 2 * this.#keep) kept.splice(0, kept.length - this.#keep);
  }

  #lastOf(channel: SinkChannel): readonly Arrival[] {
    return this.#kept[channel].slice(-this.#keep);
  }
}

export function createSink(options: SinkOptions): Sink {
  return new Sink(options);
}

/** Groups arrivals (newest first) by operation id. */
function effectsOf(arrivals: readonly Arrival[]): SinkEffect[] {
  const groups = new Map<string, { first: Arrival; last: Arrival }>();
  for (const arrival of arrivals) {
    if (!arrival.taken) continue;
    const key = `${arrival.channel} ${arrival.operationId}`;
    groups.set(key, { first: arrival, last: groups.get(key)?.last ?? arrival });
  }
  return [...groups.values()].map(({ first, last }) => ({
    channel: first.channel,
    target: first.target,
    operationId: first.operationId,
    subject: first.subject,
    excerpt: first.excerpt,
    requestId: first.requestId,
    receivedAt: first.receivedAt,
    receivedAtMs: first.receivedAtMs,
    lastReceivedAt: last.receivedAt,
    duplicates: last.n - 1,
  }));
}

function forEach<T>(make: () => T): Record<SinkChannel, T> {
  return { email: make(), webhook: make(), sms: make(), push: make() };
}

function noCounts(): Counters {
  return { arrivals: 0, effects: 0, duplicates: 0, refused: 0, invalidSignatures: 0 };
}
