import type { Priority, RecordKey } from './record.js';

/** A record that wants waking, as the outbox saw it. */
export interface PendingWakeUp extends RecordKey {
  readonly workload: string;
  readonly priority: Priority;
  /** The record's version when it was read: marking is refused when it has moved on. */
  readonly version: number;
}

export interface DueScan {
  readonly wakeUps: readonly PendingWakeUp[];
  /** Milliseconds until the next record falls due or its lease runs out; null when nothing waits. 0 when the scan was cut by its limit. */
  readonly nextInMs: number | null;
}

/**
 * The store seen by whoever publishes wake-ups: what is due and not leased, and what has been published.
 * Publish first, mark after: a crash between the two publishes twice, which is harmless.
 */
export interface Outbox {
  /**
   * Records that are open, due, not leased, and whose wake-up is `pending` or was published more than
   * `republishAfterMs` ago (a broker may have lost it). Oldest due first, urgent before normal. At most `limit`.
   */
  due(limit: number, republishAfterMs: number): Promise<DueScan>;

  /** Marks wake-ups as published, each only if the record's version is still the one given. */
  published(wakeUps: readonly PendingWakeUp[]): Promise<void>;
}
