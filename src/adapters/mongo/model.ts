import type { Correlation, Delivery, LedgerEntry, Priority, RecordEvent, RecordKey, RecordStatus, WorkRecord } from '../../ports/record.js';
import type { Draft } from '../../ports/store.js';
import type { Commands } from './collection.js';

/** Collections by what they hold. */
export const NOTIFICATIONS = 'notifications';

/** The collection of API keys. */
export const KEYS = 'api_keys';

/** The collections of messages and of what people say that they have got or read. */
export const MESSAGES = 'messages';
export const RECEIPTS = 'message_receipts';

/** A delivery that is dead or held, with what people filter, group and page by; there as long as it is so. */
export interface DeskRow {
  readonly id: string;
  readonly status: 'dead' | 'held';
  readonly settledAt: number;
  readonly channel: string;
  readonly code: string | null;
  readonly fingerprint: string | null;
}

/** Where an audited event stands, so that it is found without reading all. `place`: its index in `events`. */
export interface AuditRow {
  readonly at: number;
  readonly action: string;
  readonly actor: string;
  readonly operation: string | null;
  readonly place: number;
}

/** An event; its detail is JSON text, since its keys may be any. */
export type StoredEvent = Omit<RecordEvent, 'detail'> & { readonly detail?: string };

/** A commit that was applied, so that its repetition is answered like the first time. */
export interface StoredCommit {
  readonly token: number;
  readonly seq: number;
  readonly version: number;
}

/**
 * A record as MongoDB has it: one document, so that every write is one atomic update. Times are numbers, milliseconds
 * since the epoch on the server's clock.
 *
 * - `dueAt` is null at rest and above 0 otherwise: partial indexes of what is open say `dueAt: {$gt: 0}`.
 * - `desk`, `audit`, `deliveredOps` are left out until there is something in them, and again when nothing is: their indexes hold
 *   only those documents that have them (an empty array would be a key too).
 * - `lockedBy` is null when a lease was given back; one that only ran out keeps its holder, who may still renew and commit.
 */
export interface NotificationDocument {
  /** {@link documentId}. */
  readonly _id: string;
  readonly tenant: string;
  readonly id: string;
  readonly workload: string;
  readonly principal: string;
  readonly userId: string | null;
  readonly status: RecordStatus;
  /** 'urgent' sorts after 'normal': descending is urgent first. */
  readonly priority: Priority;
  /** JSON text: what clients send may have keys that mean something to MongoDB. */
  readonly payload: string;
  readonly correlation: Correlation;
  readonly fingerprint: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly dueAt: number | null;
  readonly publish: 'pending' | 'published';
  readonly publishedAt: number | null;
  readonly cancelRequestedAt: number | null;
  readonly version: number;
  readonly deliveries: readonly Delivery[];

  readonly lockedBy: string | null;
  readonly lockToken: number;
  readonly lockedAt: number | null;
  readonly lockedUntil: number | null;
  readonly claims: number;
  readonly barrenClaims: number;

  /** Of the last claim. */
  readonly claimId: string | null;
  /** The write that made it: tells whose accept, or whose amendment, came first. */
  readonly writeId: string;
  /** The last `seq` under the present token. */
  readonly lastSeq: number;
  /** Under the present token and the one before: a claim drops those of older ones. */
  readonly commits: readonly StoredCommit[];
  readonly ledger: readonly LedgerEntry[];
  readonly events: readonly StoredEvent[];
  /** Operation ids with a committed `delivered` outcome; unique over all documents of a tenant. */
  readonly deliveredOps?: readonly string[];
  readonly desk?: readonly DeskRow[];
  readonly audit?: readonly AuditRow[];
}

/** Commands on the collection of records. */
export type Notifications = Commands<NotificationDocument>;

/** The fields of which a `WorkRecord` is made; everything else stays on the server. */
export const RECORD_FIELDS = {
  _id: 1,
  tenant: 1,
  id: 1,
  workload: 1,
  principal: 1,
  userId: 1,
  status: 1,
  priority: 1,
  payload: 1,
  correlation: 1,
  fingerprint: 1,
  createdAt: 1,
  updatedAt: 1,
  dueAt: 1,
  publish: 1,
  publishedAt: 1,
  cancelRequestedAt: 1,
  version: 1,
  deliveries: 1,
  lockedBy: 1,
  lockToken: 1,
  lockedAt: 1,
  lockedUntil: 1,
  claims: 1,
  barrenClaims: 1,
} as const;

/** What a find with {@link RECORD_FIELDS} gives. */
export type RecordDocument = Pick<NotificationDocument, keyof typeof RECORD_FIELDS>;

/** One name for tenant and id: the key that makes an accept idempotent. No tenant holds a line break. */
export function documentId({ tenant, id }: RecordKey): string {
  return `${tenant}\n${id}`;
}

export function toRecord(document: RecordDocument): WorkRecord {
  return {
    tenant: document.tenant,
    id: document.id,
    workload: document.workload,
    principal: document.principal,
    userId: document.userId,
    status: document.status,
    priority: document.priority,
    payload: JSON.parse(document.payload) as unknown,
    correlation: document.correlation,
    fingerprint: document.fingerprint,
    createdAt: document.createdAt,
    updatedAt: document.updatedAt,
    dueAt: document.dueAt,
    publish: document.publish,
    publishedAt: document.publishedAt,
    cancelRequestedAt: document.cancelRequestedAt,
    version: document.version,
    deliveries: document.deliveries,
    lockedBy: document.lockedBy,
    lockToken: document.lockToken,
    lockedAt: document.lockedAt,
    lockedUntil: document.lockedUntil,
    claims: document.claims,
    barrenClaims: document.barrenClaims,
  };
}

export function toStoredEvent({ detail, ...event }: RecordEvent): StoredEvent {
  return detail === undefined ? event : { ...event, detail: JSON.stringify(detail) };
}

export function toEvent({ detail, ...event }: StoredEvent): RecordEvent {
  return detail === undefined ? event : { ...event, detail: JSON.parse(detail) as NonNullable<RecordEvent['detail']> };
}

/** `now`: not after the server's clock. */
export function fromDraft(draft: Draft, now: number, writeId: string): NotificationDocument {
  const { createdAt, events } = draft;
  const deliveries = draft.deliveries.map((delivery) => ({ ...delivery, dueAt: dueOf(delivery.dueAt, createdAt, now) }));
  const desk = deskRows(deliveries);
  const audit = auditRows(events, 0);
  return {
    _id: documentId(draft),
    tenant: draft.tenant,
    id: draft.id,
    workload: draft.workload,
    principal: draft.principal,
    userId: draft.userId,
    status: draft.status,
    priority: draft.priority,
    payload: JSON.stringify(draft.payload),
    correlation: draft.correlation,
    fingerprint: draft.fingerprint,
    createdAt,
    updatedAt: now,
    dueAt: dueOf(draft.dueAt, createdAt, now),
    publish: 'pending',
    publishedAt: null,
    cancelRequestedAt: null,
    version: 1,
    deliveries,
    lockedBy: null,
    lockToken: 0,
    lockedAt: null,
    lockedUntil: null,
    claims: 0,
    barrenClaims: 0,
    claimId: null,
    writeId,
    lastSeq: 0,
    commits: [],
    ledger: [],
    events: events.map(toStoredEvent),
    ...(desk.length === 0 ? {} : { desk }),
    ...(audit.length === 0 ? {} : { audit }),
  };
}

/** Of those deliveries that are on the desk. */
export function deskRows(deliveries: readonly Delivery[]): readonly DeskRow[] {
  return deliveries.flatMap(({ id, status, settledAt, channel, failure, fingerprint }) =>
    status === 'dead' || status === 'held'
      ? [{ id, status, settledAt: settledAt ?? 0, channel, code: failure?.code ?? null, fingerprint }]
      : [],
  );
}

/** Of those events that are audited; `place`: that of the first of them all. */
export function auditRows(events: readonly RecordEvent[], place: number): readonly AuditRow[] {
  return events.flatMap(({ audit, at, name, actor, detail }, n) => {
    if (audit !== true) return [];
    const operation = typeof detail?.operation === 'string' ? detail.operation : null;
    return [{ at, action: name, actor, operation, place: place + n }];
  });
}

/** Due at once by the accepting clock is due at once by the server's; never 0 or less, which would look like rest. */
function dueOf(dueAt: number | null, createdAt: number, now: number): number | null {
  if (dueAt === null) return null;
  return Math.max(1, dueAt === createdAt && dueAt > now ? now : dueAt);
}
