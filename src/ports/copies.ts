/** Rows of one message: they share its `idempotencyKey`. Ids only, since nobody needs to see what was written. */
export interface CopySet {
  readonly keep: string;
  /** Never empty. */
  readonly remove: readonly string[];
}

/** What an audit begins with. */
export interface Census {
  readonly messages: number;
  /** Rows that have no key at all: of them nobody can say whose copies they are. */
  readonly withoutKey: number;
  /** A unique index on the key is there, which makes copies impossible. */
  readonly guarded: boolean;
}

/**
 * Messages that are stored more than once, which only a store without its unique index can hold: one that was imported, or
 * restored without its indexes.
 *
 * Promises: holds one page of rows, and the rows of one message, in memory. Rows without a key are in no set and never removed.
 * Removing may be repeated, and interrupted anywhere: what is left is found again. Throws `SignalboxError`.
 */
export interface MessageCopies {
  census(): Promise<Census>;
  /** Every message with more than one row. `seen` is told of rows as they are read: in the end, of all that have a key. */
  sets(seen?: (rows: number) => void): AsyncIterable<CopySet>;
  /** Removes copies; their receipts go to the row that stays, at the earliest time where both have one. Gives the rows removed. */
  remove(sets: readonly CopySet[]): Promise<number>;
  /** Twice is fine. */
  close(): Promise<void>;
}

/** What the choice among copies rests on. */
export interface CopyRow {
  readonly id: string;
  readonly idempotencyKey: string;
  readonly acceptedAt: number;
  readonly persistedAt: number;
  readonly order: string;
}

/** The earliest stays: by when it was accepted, then stored, then by its place in the conversation, then by id. */
export function copySetOf(rows: readonly CopyRow[]): CopySet | null {
  const [keep, ...rest] = [...rows].sort(earliestFirst);
  return keep === undefined || rest.length === 0 ? null : { keep: keep.id, remove: rest.map(({ id }) => id) };
}

function earliestFirst(a: CopyRow, b: CopyRow): number {
  return (
    timeOf(a.acceptedAt) - timeOf(b.acceptedAt) ||
    timeOf(a.persistedAt) - timeOf(b.persistedAt) ||
    compare(a.order, b.order) ||
    compare(a.id, b.id)
  );
}

/** An imported row may have none: it is then not the earliest. */
function timeOf(ms: unknown): number {
  return typeof ms === 'number' && Number.isFinite(ms) ? ms : Number.MAX_SAFE_INTEGER;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
