import type { Delivery, DeliveryStatus, LedgerEntry, RecordEvent, RecordKey, RecordStatus, WorkRecord } from './record.js';

export interface ListQuery {
  readonly tenant: string;
  readonly workload: string;
  readonly status?: RecordStatus;
  /** Only what is not at rest, whatever its status: a record that moves from one open status to another is never missed. */
  readonly open?: true;
  readonly userId?: string;
  /** 1 … 100. */
  readonly limit: number;
  /** Give records after this place in the order (createdAt, id) descending. */
  readonly after?: { readonly createdAt: number; readonly id: string };
}

/** Which deliveries of those that wait on the desk in one status: all that match every field given. */
export interface DeliveryFilter {
  readonly tenant: string;
  readonly status: 'dead' | 'held';
  readonly workload?: string;
  /** Every workload but this one. */
  readonly exceptWorkload?: string;
  readonly channel?: string;
  /** A dead letter's. */
  readonly fingerprint?: string;
  /** `failure.code`. */
  readonly code?: string;
  readonly userId?: string;
  /** `settledAt` not before. */
  readonly since?: number;
  /** `settledAt` before. */
  readonly until?: number;
}

export interface DeliveryQuery extends DeliveryFilter {
  readonly limit: number;
  /** Order: (settledAt, deliveryId) descending. */
  readonly after?: { readonly settledAt: number; readonly id: string };
}

export interface DeliveryRow {
  readonly record: WorkRecord;
  readonly delivery: Delivery;
}

export interface History {
  /** In the order in which they were written. */
  readonly events: readonly RecordEvent[];
  readonly ledger: readonly LedgerEntry[];
}

export interface Backlog {
  /** Open records (not at rest). */
  readonly open: number;
  /** Age in milliseconds of the longest-overdue open record that is due; 0 when none is. */
  readonly oldestDueMs: number;
}

/** How many deliveries have which status; one that none has, or that was never counted yet, is left out. */
export type DeliveryCounts = Readonly<Partial<Record<DeliveryStatus, number>>>;

/** Reads of the store of record: always what was last committed, never uncommitted. Unknown keys give null or nothing. */
export interface RecordReader {
  get(key: RecordKey): Promise<WorkRecord | null>;
  history(key: RecordKey): Promise<History>;
  /** Newest first. */
  list(query: ListQuery): Promise<readonly WorkRecord[]>;
  /** Dead letters (`dead`) and held deliveries (`held`), newest first; one by delivery id through {@link delivery}. */
  listDeliveries(query: DeliveryQuery): Promise<readonly DeliveryRow[]>;
  delivery(tenant: string, deliveryId: string): Promise<DeliveryRow | null>;
  /**
   * Over all tenants; cheap enough to ask once a second. Exact where there is little to count. Where counting takes long a store
   * may give the last known figures, counted again in the background: then they may be older than the last commit, and are the same
   * object as before. Rejects with `store-unavailable` also where nothing is known yet.
   */
  backlog(): Promise<Backlog>;
  /** Over all tenants and all that is kept, for dashboards: asked by few, and not often. Exact as {@link backlog} is. */
  deliveryCounts(): Promise<DeliveryCounts>;
}
