import type { Failure } from '../ports/record.js';
import type { StreamEntry } from '../ports/stream.js';

/**
 * What came of one entry:
 * - `done`: handled, durably.
 * - `retry`: not handled, and trying again may help. Its key waits, its attempts rise; after the last one it is a dead letter.
 * - `dead`: not handled, and trying again cannot help.
 */
export type EntryOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'retry'; readonly failure: Failure }
  | { readonly kind: 'dead'; readonly failure: Failure };

/**
 * Handles a batch: entries of any keys, in order within each. Gives one outcome for each entry, in their order.
 *
 * An entry may come again after it was done (its owner died before it could settle it), so handling is idempotent by `id`. When an
 * entry is not done, whatever comes after it in the same key is handed out again later, whatever its own outcome: a handler that
 * keeps order also in what it writes leaves those alone and says `retry`.
 *
 * Rejecting means that nothing is known of any of them: where the error says that trying again helps (`retryable`, e.g.
 * `store-unavailable`) the same batch comes again after a while, as often as it takes, and no attempt is counted; else each entry
 * is tried alone, so that only the one that makes the handler fail is a dead letter in the end.
 *
 * `signal` aborts when the partition is lost, or may be: stop writing then.
 */
export type StreamHandler = (entries: readonly StreamEntry[], signal: AbortSignal) => Promise<readonly EntryOutcome[]>;
