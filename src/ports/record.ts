/**
 * The shapes that cross every port: a record, its deliveries, its ledger and its events.
 * All times are whole milliseconds since the Unix epoch on the *store's* clock, unless a name says otherwise.
 */

/** Names one record. The tenant is part of every key, so a query cannot forget it. */
export interface RecordKey {
  readonly tenant: string;
  readonly id: string;
}

export const DELIVERY_STATUSES = [
  'queued',
  'scheduled',
  'deferred',
  'processing',
  'delivered',
  'skipped',
  'expired',
  'cancelled',
  'dead',
  'held',
] as const;

/**
 * `queued`, `scheduled`, `deferred`, `processing` are open; `delivered`, `skipped`, `expired`,
 * `cancelled`, `dead` are terminal; `held` rests until a person or a policy resolves it.
 */
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** A record's status follows from its deliveries; `partial` where they rest in different states. */
export type RecordStatus = DeliveryStatus | 'partial';

export type Priority = 'normal' | 'urgent';

/** Why a delivery failed: what a dead letter shows, and what groups dead letters (`fingerprint`). */
export interface Failure {
  /** Stable machine word, e.g. `http_503`, `smtp_550`, `timeout`, `claims_exhausted`. */
  readonly code: string;
  /** For a person. Holds no recipient and no content. */
  readonly message: string;
}

/** One effect to bring about: one channel, one recipient. The unit of attempt, outcome, ledger and dead letter. */
export interface Delivery {
  /** Unique within the tenant; derived from (tenant, record, channel, recipient). */
  readonly id: string;
  readonly channel: string;
  readonly recipient: string;
  readonly status: DeliveryStatus;
  /** Rises only by redrive or edit after a known negative outcome. */
  readonly generation: number;
  /** Hash of (tenant, record, channel, recipient, generation): the provider's idempotency key. Never holds the attempt number. */
  readonly operationId: string;
  /** Intents stored so far in this generation. */
  readonly attempts: number;
  /** Attempts that a provider refused by asking us to slow down (429): they do not use up retries. */
  readonly throttles: number;
  /** Attempts made before a redrive that kept the generation (an outcome was unknown): they do not use up retries. Left out: 0. */
  readonly forgiven?: number;
  /** How often it was brought back from the desk. Left out: 0. */
  readonly redrives?: number;
  /** When it is next due; null unless open. */
  readonly dueAt: number | null;
  /** Set while an intent has no outcome: the effect may or may not have happened. */
  readonly intentAt: number | null;
  /** The rule that put it in its state, e.g. `retry.backoff`, `expiry`, `breaker.open`. */
  readonly reason: string | null;
  /** The last failure; kept on `dead` and `held`, cleared by `delivered`. */
  readonly failure: Failure | null;
  /** Groups dead letters of one cause; set when `dead`. */
  readonly fingerprint: string | null;
  /** When it came to rest (terminal or held), else null. */
  readonly settledAt: number | null;
}

/** The lock fields. Free when `lockedUntil` is null or not after the store's clock. */
export interface Lock {
  readonly lockedBy: string | null;
  /** Rises by one at each claim and each amendment; never falls. The fencing token. */
  readonly lockToken: number;
  readonly lockedAt: number | null;
  readonly lockedUntil: number | null;
  /** All claims so far. */
  readonly claims: number;
  /** Claims since the last commit: an item that kills its worker before any commit is found by this. */
  readonly barrenClaims: number;
}

/** What came with the request, carried to every log line and provider call. */
export interface Correlation {
  readonly requestId: string;
  readonly traceparent?: string;
}

/** One accepted piece of work: the unit of accept, claim and lease. */
export interface WorkRecord extends RecordKey, Lock {
  readonly workload: string;
  readonly principal: string;
  /** Whom it concerns; lists filter by it. */
  readonly userId: string | null;
  readonly status: RecordStatus;
  readonly priority: Priority;
  /** The workload's own immutable content. */
  readonly payload: unknown;
  readonly correlation: Correlation;
  /** SHA-256 of the canonical accepted body: tells a repeat from another body under the same key. */
  readonly fingerprint: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The earliest `dueAt` of its open deliveries; null at rest. */
  readonly dueAt: number | null;
  /** `pending` until a wake-up for the present `dueAt` is known to be published. The outbox. */
  readonly publish: 'pending' | 'published';
  readonly publishedAt: number | null;
  readonly cancelRequestedAt: number | null;
  /** Rises with every write. */
  readonly version: number;
  readonly deliveries: readonly Delivery[];
}

/** One line of the effect ledger, append-only: the intent before a call, the outcome after it. */
export interface LedgerEntry {
  readonly operationId: string;
  readonly deliveryId: string;
  readonly attempt: number;
  readonly kind: 'intent' | 'outcome';
  readonly at: number;
  readonly worker: string;
  readonly token: number;
  readonly provider: string;
  /** Outcomes only. */
  readonly result?: 'delivered' | 'retry' | 'throttled' | 'deferred' | 'dead' | 'unknown' | 'resolved';
  readonly failure?: Failure;
  /** Outcomes only: how long the call took, milliseconds on the worker's monotonic clock. */
  readonly durationMs?: number;
  /** Outcomes only: when the next attempt is due. */
  readonly retryAt?: number;
  /** What the provider gave back as its own id. */
  readonly receipt?: string;
}

/** A decision and what it was taken on. `…/explain` shows these as they are. */
export interface RecordEvent {
  readonly at: number;
  /** Past participle: accepted, claimed, attempted, retried, deferred, delivered, held, dead, cancelled, fenced … */
  readonly name: string;
  /** The rule that decided, e.g. `accept.idempotent`, `retry.full-jitter`, `lease.expired`. */
  readonly rule: string;
  /** Who decided: a worker id, `api`, or a principal. */
  readonly actor: string;
  /** Which clock decided. */
  readonly clock: 'store' | 'worker';
  readonly deliveryId?: string;
  /** A person's (or their program's) doing, to be found in the audit. */
  readonly audit?: true;
  /** The inputs of the decision. Holds no recipient and no content. */
  readonly detail?: Detail;
}

export type Detail = Readonly<Record<string, string | number | boolean | null>>;
