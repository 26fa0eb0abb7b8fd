import type { Delivery, LedgerEntry, WorkRecord } from './record.js';
import type { AcceptResult } from './store.js';

/**
 * What the pipeline tells whoever counts and logs. The pipeline never logs or counts itself: it states a fact and
 * goes on. A listener must not throw and must not wait.
 */
export type Fact =
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
  /** `first`: this is how it starts, nothing has happened. */
  | { readonly kind: 'breaker'; readonly name: string; readonly state: 'closed' | 'half-open' | 'open'; readonly first?: true }
  /** Something outside the pipeline failed and will be tried again (store, queue). */
  | { readonly kind: 'trouble'; readonly where: string; readonly error: unknown };

export type Watch = (fact: Fact) => void;
