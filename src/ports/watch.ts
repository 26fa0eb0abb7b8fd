import type { Delivery, LedgerEntry, WorkRecord } from './record.js';
import type { AcceptResult } from './store.js';
import type { StreamEntry } from './stream.js';

/** `success`: stored. `duplicate`: it was there already. `error`: neither. */
export type HandledAs = 'success' | 'duplicate' | 'error';

/**
 * What the pipeline tells whoever counts and logs. The pipeline never logs or counts itself: it states a fact and
 * goes on. A listener must not throw and must not wait.
 */
export type Fact =
  | StreamFact
  | { readonly kind: 'accepted'; readonly outcome: AcceptResult['outcome']; readonly record: WorkRecord }
  | { readonly kind: 'published'; readonly count: number; readonly by: 'accept' | 'sweeper' }
  /** `leased`: of the refused, those that somebody else holds. `reclaimed`: of the claimed, those whose last holder left without a word. */
  | { readonly kind: 'claimed'; readonly count: number; readonly refused: number; readonly leased: number; readonly reclaimed: number }
  | { readonly kind: 'attempted'; readonly record: WorkRecord; readonly delivery: Delivery; readonly entry: LedgerEntry }
  /** A delivery came to rest or was put off. Both times on the store's clock; `sinceDueMs` from when it was last due: at once, at the
      time it was scheduled or put off for, or at its retry. */
  | {
      readonly kind: 'settled';
      readonly record: WorkRecord;
      readonly delivery: Delivery;
      readonly sinceAcceptMs: number;
      readonly sinceDueMs: number;
    }
  | { readonly kind: 'fenced'; readonly record: WorkRecord; readonly during: string }
  | { readonly kind: 'lease-lost'; readonly record: WorkRecord; readonly why: 'refused' | 'deadline' }
  | { readonly kind: 'wake-up-settled'; readonly how: 'ack' | 'release' }
  /** `first`: this is how it starts, nothing has happened. `openMs`: how long it stays open before one call may try. */
  | {
      readonly kind: 'breaker';
      readonly name: string;
      readonly state: 'closed' | 'half-open' | 'open';
      readonly first?: true;
      readonly openMs?: number;
    }
  /** Something outside the pipeline failed and will be tried again (store, queue). */
  | { readonly kind: 'trouble'; readonly where: string; readonly error: unknown };

/** What happens to messages and to the log that they go through. */
export type StreamFact =
  /** A message was offered; `path`: whether it went into the log or straight to the store. */
  | { readonly kind: 'message-accepted'; readonly outcome: AcceptResult['outcome']; readonly path: 'queued' | 'direct' }
  /** A batch of the message log was handled. `durationMs` on the worker's monotonic clock; `now` on its other one. */
  | {
      readonly kind: 'messages-handled';
      readonly handled: readonly { readonly entry: StreamEntry; readonly result: HandledAs; readonly code?: string }[];
      readonly durationMs: number;
      readonly now: number;
    }
  /** `lost`: its lease was refused, or may have run out. `stopped`: it was given up in order. */
  | { readonly kind: 'partition'; readonly partition: number; readonly state: 'started' | 'stopped' | 'lost' }
  /** The log gave nothing out, or settled nothing: the partition had passed to another owner. */
  | { readonly kind: 'stream-fenced'; readonly partition: number; readonly during: 'read' | 'settle' }
  /** What became of a batch of stream entries, in numbers; `reclaimed`: those that somebody had been given before and never settled. */
  | {
      readonly kind: 'stream-settled';
      readonly partition: number;
      readonly done: number;
      readonly retried: number;
      readonly reclaimed: number;
    }
  /** Stream entries became dead letters. */
  | { readonly kind: 'stream-buried'; readonly count: number; readonly entries: readonly StreamEntry[] };

const STREAM_FACTS: ReadonlySet<string> = new Set([
  'message-accepted',
  'messages-handled',
  'partition',
  'stream-fenced',
  'stream-settled',
  'stream-buried',
] satisfies StreamFact['kind'][]);

export function isStreamFact(fact: Fact): fact is StreamFact {
  return STREAM_FACTS.has(fact.kind);
}

export type Watch = (fact: Fact) => void;
