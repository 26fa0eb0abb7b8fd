import type { Correlation, Delivery, LedgerEntry, Priority, RecordEvent, RecordKey, RecordStatus, WorkRecord } from './record.js';

/** A record as it is offered for acceptance: everything but what the store itself decides. */
export interface Draft extends RecordKey {
  readonly workload: string;
  readonly principal: string;
  readonly userId: string | null;
  readonly status: RecordStatus;
  readonly priority: Priority;
  readonly payload: unknown;
  readonly correlation: Correlation;
  readonly fingerprint: string;
  /**
   * Milliseconds on the accepting process's clock: only a view for lists; nothing is decided by it.
   * A delivery whose `dueAt` equals `createdAt` is due at once, whatever the store's clock says: the store keeps
   * min(dueAt, its own now) for it, so a clock that runs ahead delays nothing. Any other `dueAt` is a wish of the
   * client's and kept as it is, so a clock that runs ahead sends nothing early either.
   */
  readonly createdAt: number;
  readonly dueAt: number | null;
  readonly deliveries: readonly Delivery[];
  readonly events: readonly RecordEvent[];
}

/** `created`: stored now. `repeat`: there already, same fingerprint. `conflict`: there already with another fingerprint. */
export type AcceptResult = { readonly outcome: 'created' | 'repeat' | 'conflict'; readonly record: WorkRecord };

export interface ClaimRequest {
  readonly keys: readonly RecordKey[];
  /**
   * New for each claim. Repeating a claim under the same id gives back what it still holds and leases nothing twice: what
   * it held and holds no more is refused (`leased`, until now).
   */
  readonly claimId: string;
  readonly worker: string;
  readonly leaseMs: number;
  /** Claim a record even where `barrenClaims` has reached {@link SUSPECT_AFTER}; give it a single key. */
  readonly alone: boolean;
}

/** Claims without any commit after which a record is claimed only alone: then only the killer dies. */
export const SUSPECT_AFTER = 2;

/** Why a key was not claimed. `until`: when it is worth trying again (lease end, due time). */
export interface Refusal extends RecordKey {
  readonly why: 'missing' | 'at-rest' | 'leased' | 'not-due' | 'suspect';
  readonly until: number | null;
}

export interface ClaimResult {
  /** As they are *after* the claim: `lockToken`, `claims`, `barrenClaims` already risen. */
  readonly claimed: readonly WorkRecord[];
  readonly refused: readonly Refusal[];
  /** The store's clock at the claim. */
  readonly now: number;
}

/** Proof of a claim. */
export interface LeaseRef extends RecordKey {
  readonly worker: string;
  readonly token: number;
}

/** What a holder writes: whole new values of the deliveries that changed, and what is appended. */
export interface Change {
  /**
   * 1, 2, 3 … under one token. Repeating a (token, seq) is answered like the first time and changes nothing, as long as
   * the token is the record's (afterwards it may be called stale). One that arrives after its successor is stale.
   */
  readonly seq: number;
  readonly status: RecordStatus;
  readonly dueAt: number | null;
  readonly deliveries: readonly Delivery[];
  readonly ledger: readonly LedgerEntry[];
  readonly events: readonly RecordEvent[];
  /** Give the lease back with this write; an open record's wake-up becomes `pending` again. */
  readonly release: boolean;
}

/** `stale`: the token is no longer the record's, or the lease was given back; nothing was written. */
export type CommitResult =
  | { readonly applied: true; readonly version: number; readonly cancelRequestedAt: number | null }
  | { readonly applied: false };

/** A change by someone who holds no lease: a person or the API (cancel, resolve, later redrive). */
export interface Amendment extends Omit<Change, 'seq' | 'release'> {
  /** As read; another version means someone was faster. */
  readonly version: number;
  readonly cancelRequestedAt: number | null;
}

export type AmendResult =
  | { readonly outcome: 'applied'; readonly record: WorkRecord }
  | { readonly outcome: 'conflict' | 'leased' | 'missing' };

/**
 * The store of record: the only truth about what was accepted and what became of it.
 *
 * Promises:
 * - Every write is atomic per record and durable when its promise resolves; a write whose promise
 *   rejects may or may not have happened (a lost reply), and is safe to repeat as it is.
 * - Claims, leases and due times are judged by the store's own clock, never by the caller's.
 * - At most one lease per record is live; a commit under an older token is refused as stale.
 *   The fence is the token: a holder whose lease ran out but whom nobody replaced may still commit.
 * - A committed `delivered` outcome is unique per operation id; a second is a `SignalboxError` (`conflict`), never stored.
 * - Calls may be made concurrently; an adapter may gather those of one turn into one transaction or bulk write.
 *
 * Throws `SignalboxError`: `store-unavailable` when it cannot answer, `store-full` (nothing was
 * written) when there is no room.
 */
export interface RecordStore {
  /**
   * Stores each draft unless its key exists: record, deliveries, events and `publish: pending` in one atomic write.
   * The (tenant, id) is the idempotency key: of any number of concurrent accepts one is `created`. Results in order.
   */
  accept(drafts: readonly Draft[]): Promise<readonly AcceptResult[]>;

  /**
   * Leases every given record that is due, not leased, not at rest (and not suspect, unless `alone`), each by
   * its own compare-and-set: token + 1, claims + 1, barrenClaims + 1, lockedUntil = now + leaseMs, `publish: pending`
   * (its wake-up is used up: should the holder die, the sweeper publishes again at `lockedUntil`).
   * Never leases a record that was not named.
   */
  claim(request: ClaimRequest): Promise<ClaimResult>;

  /** Extends to now + leaseMs each lease whose token is still current (even if it ran out); gives back those it extended. */
  renew(leases: readonly LeaseRef[], leaseMs: number): Promise<readonly LeaseRef[]>;

  /** Writes under a lease; resets `barrenClaims` to 0, since the item got somewhere. */
  commit(lease: LeaseRef, change: Change): Promise<CommitResult>;

  /**
   * Writes without a lease, if the version is as read and no lease is live; raises the token, so that a holder
   * whose lease ran out is fenced; an open record's wake-up becomes `pending`.
   */
  amend(key: RecordKey, amendment: Amendment): Promise<AmendResult>;

  /**
   * Leaves a cancel request on a leased record for its holder to see at its next commit. Sets it once; later calls
   * change nothing. Gives back the record as it now is, or null where there is none or it is at rest.
   */
  requestCancel(key: RecordKey, event: RecordEvent): Promise<WorkRecord | null>;
}
