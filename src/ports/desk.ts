import type { DeliveryFilter } from './reader.js';
import type { Failure, RecordEvent } from './record.js';

/** Deliveries with one cause. */
export interface DeliveryGroup {
  /** Null for held deliveries, which are grouped by channel and code alone. */
  readonly fingerprint: string | null;
  readonly workload: string;
  readonly channel: string;
  /** Of the newest. */
  readonly failure: Failure | null;
  readonly count: number;
  readonly firstAt: number;
  readonly lastAt: number;
  /** The newest one's delivery id. */
  readonly sample: string;
}

export interface AuditQuery {
  readonly tenant: string;
  /** Event name, e.g. `redriven`, `discarded`, `resolved`. */
  readonly action?: string;
  readonly actor?: string;
  /** Not before. */
  readonly since?: number;
  readonly limit: number;
  /** Entries after this place in the order newest first. */
  readonly after?: { readonly at: number; readonly id: string };
}

/** An event with `audit`, and where it happened. */
export interface AuditEntry {
  /** Unique; opaque. */
  readonly id: string;
  readonly recordId: string;
  readonly workload: string;
  readonly event: RecordEvent;
}

/** What the desk asks of the store of record besides its lists: always what was last committed. */
export interface DeskReader {
  /** Over the deliveries that match; not paged. */
  count(filter: DeliveryFilter): Promise<number>;
  /** Largest first; at most `limit`. */
  groups(filter: DeliveryFilter, limit: number): Promise<readonly DeliveryGroup[]>;
  /** What people did, newest first. */
  audit(query: AuditQuery): Promise<readonly AuditEntry[]>;
  /** How many audited events name this `operation` in their detail. */
  doneBy(tenant: string, operation: string): Promise<number>;
}
