/**
 * What a proof is made of. Three witnesses that do not know of each other: what clients were answered, what receivers
 * saw, what the store says in the end. All of it is plain data, so that it can be collected in memory or in NDJSON files.
 */

/** One delivery that an accepted request asked for. */
export interface Expected {
  readonly channel: string;
  readonly recipient: string;
  /** Where the client knows it. */
  readonly operationId?: string;
}

/** One answer to one request that offered work, as the client got it. */
export interface Answer {
  readonly tenant: string;
  /** The idempotency key that was sent; null where there was none. */
  readonly key: string | null;
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
  readonly recordId: string | null;
  readonly at: number;
  readonly expected: readonly Expected[];
}

export type SeenClass = 'idempotent' | 'queryable' | 'neither';

/** One line of a receiver's log. */
export interface Seen {
  /** `effect`: it happened (raw, before any de-duplication). `not-done`: the receiver was asked and said that it had not. */
  readonly kind: 'effect' | 'not-done';
  readonly operationId: string;
  readonly effectClass: SeenClass;
  readonly at: number;
  /** Where the receiver knows them: two operation ids for one of these are two effects. */
  readonly recordId?: string;
  readonly channel?: string;
  readonly recipient?: string;
  /** Where the receiver logs its own de-duplication; else a repeat at an `idempotent` receiver counts as absorbed. */
  readonly absorbed?: boolean;
}

/** The effect ledger's lines, as the store keeps them. */
export interface KeptEntry {
  readonly operationId: string;
  readonly attempt: number;
  readonly kind: 'intent' | 'outcome';
  readonly provider: string;
  readonly result?: string;
}

export interface KeptDelivery {
  readonly id: string;
  readonly channel: string;
  readonly recipient: string;
  readonly operationId: string;
  readonly status: string;
  readonly generation: number;
  readonly attempts: number;
}

/** One record as the store has it in the end. */
export interface Kept {
  readonly tenant: string;
  readonly id: string;
  readonly status: string;
  readonly deliveries: readonly KeptDelivery[];
  readonly ledger: readonly KeptEntry[];
}

/**
 * - `LOST`: answered 2xx, but the store has no such record, or not every delivery of it, or one in no known state.
 * - `DUP`: more than one effect under one operation id after the receiver's own de-duplication, or two operation ids for one effect.
 * - `GHOST`: an effect that no stored delivery stands for, or of which no intent was stored.
 * - `STUCK`: still open at rest.
 * - `DISHONEST`: a state that says something else than what happened (see `check.ts`).
 * - `UNLISTED`: held although nothing in its ledger is unknown.
 * - `BALANCE`: the sum does not come out.
 */
export const VIOLATION_KINDS = ['LOST', 'DUP', 'GHOST', 'STUCK', 'DISHONEST', 'UNLISTED', 'BALANCE'] as const;
export type ViolationKind = (typeof VIOLATION_KINDS)[number];

export interface Violation {
  readonly kind: ViolationKind;
  /** The record, operation or key it is about. */
  readonly subject: string;
  readonly detail: string;
}

export interface Evidence {
  readonly answers: readonly Answer[];
  readonly seen: readonly Seen[];
  readonly kept: readonly Kept[];
}

/** Counts; deliveries unless the name says otherwise. */
export interface Balance {
  readonly answeredRecords: number;
  /** Stored, although no client got a 2xx for it: the answer was lost, which is not a failure. */
  readonly unansweredRecords: number;
  readonly accepted: number;
  readonly delivered: number;
  readonly skipped: number;
  readonly expired: number;
  readonly cancelled: number;
  readonly dead: number;
  readonly held: number;
  readonly open: number;
  /** Effects after de-duplication. */
  readonly effects: number;
  /** Raw repeats that an idempotent receiver absorbed: printed, never hidden. */
  readonly absorbed: number;
  /** Effects that landed at a queryable receiver after it had said `not-done`: no sender can prevent these. */
  readonly overtaken: number;
  /** At rest as dead, cancelled, expired or skipped with an effect, its ledger saying `unknown`. */
  readonly uncertain: number;
  /** Sent again because a person said so. */
  readonly resentByPerson: number;
}

export interface Report {
  readonly violations: readonly Violation[];
  readonly balance: Balance;
}
