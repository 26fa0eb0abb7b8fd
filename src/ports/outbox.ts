import type { Priority, RecordKey } from './record.js';

/** A record that wants waking, as the outbox saw it. */
export interface PendingWakeUp extends RecordKey {
  readonly workload: string;
  readonly priority: Priority;
  /** Whom the record concerns. */
  readonly userId: string | null;
  /** The record's version when it was read: marking is refused when it has moved on. */
  readonly version: number;
}

export interface DueScan {
  readonly wakeUps: readonly PendingWakeUp[];
  /**
   * Milliseconds until, besides the wake-ups given here, a record falls due, a lease runs out, or a published wake-up is
   * to be published again: there is something to give then. Null when nothing waits. 0 when the scan was cut by its limit.
   */
  readonly nextInMs: number | null;
}

/**
 * The store seen by whoever publishes wake-ups: what is due and not leased, and what has been published.
 * Publish first, mark after: a crash between the two publishes twice, which is harmless.
 */
export interface Outbox {
  /**
   * Records that are open, due, not leased, and whose wake-up is `pending` or was published `republishAfterMs` ago or
   * longer (a broker may have lost it). Urgent before normal, and within each the oldest due first. At most `limit`.
   */
  due(limit: number, republishAfterMs: number): Promise<DueScan>;

  /** Marks wake-ups as published, each only if the record's version is still the one given. */
  published(wakeUps: readonly PendingWakeUp[]): Promise<void>;
}
