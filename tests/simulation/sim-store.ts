import { SignalboxError } from '../../src/errors.js';
import type { DueScan, PendingWakeUp } from '../../src/ports/outbox.js';
import type { Delivery, LedgerEntry, RecordEvent, RecordKey, WorkRecord } from '../../src/ports/record.js';
import {
  type AcceptResult,
  type Amendment,
  type AmendResult,
  type Change,
  type ClaimRequest,
  type ClaimResult,
  type CommitResult,
  type Draft,
  type LeaseRef,
  type Refusal,
  SUSPECT_AFTER,
} from '../../src/ports/store.js';

/** One record with everything that is kept beside it. */
export interface Row {
  record: WorkRecord;
  readonly ledger: LedgerEntry[];
  readonly events: RecordEvent[];
  claimId: string | null;
  /** Answers to commits by token and sequence number, so that a repeat is answered like the first time. */
  readonly answers: Map<string, CommitResult>;
  /** The highest sequence number applied under the present token. */
  lastSeq: number;
}

/**
 * The store of record in memory: each method is one atomic step, as the ports promise, on the store's own clock.
 * Values are never changed in place, so whoever read one keeps what was true then.
 */
export class SimStore {
  readonly rows = new Map<string, Row>();

  constructor(readonly now: () => number) {}

  row(key: RecordKey): Row | undefined {
    return this.rows.get(rowKey(key));
  }

  accept(drafts: readonly Draft[]): readonly AcceptResult[] {
    return drafts.map((draft): AcceptResult => {
      const known = this.row(draft);
      if (known !== undefined) {
        return { outcome: known.record.fingerprint === draft.fingerprint ? 'repeat' : 'conflict', record: known.record };
      }
      const record = this.recordOf(draft);
      this.rows.set(rowKey(draft), {
        record,
        ledger: [],
        events: [...draft.events],
        claimId: null,
        answers: new Map(),
        lastSeq: 0,
      });
      return { outcome: 'created', record };
    });
  }

  private recordOf(draft: Draft): WorkRecord {
    const now = this.now();
    const { events: _events, ...fields } = draft;
    const soon = (dueAt: number | null): number | null => (dueAt === draft.createdAt ? Math.min(dueAt, now) : dueAt);
    return {
      ...fields,
      deliveries: draft.deliveries.map((delivery): Delivery => ({ ...delivery, dueAt: soon(delivery.dueAt) })),
      dueAt: soon(draft.dueAt),
      updatedAt: now,
      publish: 'pending',
      publishedAt: null,
      cancelRequestedAt: null,
      version: 1,
      lockedBy: null,
      lockToken: 0,
      lockedAt: null,
      lockedUntil: null,
      claims: 0,
      barrenClaims: 0,
    };
  }

  claim(request: ClaimRequest): ClaimResult {
    const now = this.now();
    const claimed: WorkRecord[] = [];
    const refused: Refusal[] = [];
    for (const { tenant, id } of request.keys) {
      const row = this.row({ tenant, id });
      if (row === undefined) refused.push({ tenant, id, why: 'missing', until: null });
      else if (row.claimId === request.claimId && row.record.lockedBy === request.worker && isLive(row.record, now)) {
        if (!claimed.includes(row.record)) claimed.push(row.record);
      } else {
        const refusal = refusalOf(row, request, now);
        if (refusal !== null) refused.push({ tenant, id, ...refusal });
        else claimed.push(lease(row, request, now));
      }
    }
    return { claimed, refused, now };
  }

  renew(leases: readonly LeaseRef[], leaseMs: number): readonly LeaseRef[] {
    const now = this.now();
    return leases.filter((ref) => {
      const row = this.row(ref);
      if (row === undefined || !holds(row.record, ref)) return false;
      row.record = { ...row.record, lockedUntil: now + leaseMs, updatedAt: now, version: row.record.version + 1 };
      return true;
    });
  }

  commit(ref: LeaseRef, change: Change): CommitResult {
    const row = this.row(ref);
    if (row === undefined) return { applied: false };
    const answer = row.answers.get(`${ref.token}/${change.seq}`);
    if (answer !== undefined) return answer;
    // A write that was given up and arrives after its successor is not applied on top of it.
    if (!holds(row.record, ref) || change.seq < row.lastSeq) return { applied: false };
    refuseSecondDelivered(row, change.ledger);
    const now = this.now();
    const { record } = row;
    const freed = change.release ? { lockedBy: null, lockedAt: null, lockedUntil: null, ...PENDING } : {};
    row.record = {
      ...record,
      ...freed,
      status: change.status,
      dueAt: change.dueAt,
      deliveries: merged(record.deliveries, change.deliveries),
      barrenClaims: 0,
      updatedAt: now,
      version: record.version + 1,
    };
    row.ledger.push(...change.ledger);
    row.events.push(...change.events);
    row.lastSeq = change.seq;
    const result: CommitResult = { applied: true, version: row.record.version, cancelRequestedAt: row.record.cancelRequestedAt };
    row.answers.set(`${ref.token}/${change.seq}`, result);
    return result;
  }

  amend(key: RecordKey, amendment: Amendment): AmendResult {
    const now = this.now();
    const row = this.row(key);
    if (row === undefined) return { outcome: 'missing' };
    const { record } = row;
    if (isLive(record, now)) return { outcome: 'leased' };
    if (record.version !== amendment.version) return { outcome: 'conflict' };
    refuseSecondDelivered(row, amendment.ledger);
    row.record = {
      ...record,
      status: amendment.status,
      dueAt: amendment.dueAt,
      deliveries: merged(record.deliveries, amendment.deliveries),
      cancelRequestedAt: amendment.cancelRequestedAt,
      lockToken: record.lockToken + 1,
      lockedBy: null,
      lockedAt: null,
      lockedUntil: null,
      ...PENDING,
      updatedAt: now,
      version: record.version + 1,
    };
    row.claimId = null;
    row.lastSeq = 0;
    row.ledger.push(...amendment.ledger);
    row.events.push(...amendment.events);
    return { outcome: 'applied', record: row.record };
  }

  requestCancel(key: RecordKey, event: RecordEvent): WorkRecord | null {
    const row = this.row(key);
    if (row === undefined || row.record.dueAt === null) return null;
    if (row.record.cancelRequestedAt !== null) return row.record;
    const now = this.now();
    row.record = { ...row.record, cancelRequestedAt: now, updatedAt: now, version: row.record.version + 1 };
    row.events.push(event);
    return row.record;
  }

  due(limit: number, republishAfterMs: number): DueScan {
    const now = this.now();
    const due: WorkRecord[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const { record } of this.rows.values()) {
      if (record.dueAt === null) continue;
      const free = Math.max(record.dueAt, record.lockedUntil ?? Number.NEGATIVE_INFINITY);
      if (free > now) next = Math.min(next, free);
      else if (record.publish === 'pending' || (record.publishedAt ?? 0) <= now - republishAfterMs) due.push(record);
      else next = Math.min(next, (record.publishedAt ?? 0) + republishAfterMs);
    }
    due.sort((a, b) => Number(b.priority === 'urgent') - Number(a.priority === 'urgent') || (a.dueAt ?? 0) - (b.dueAt ?? 0));
    const wakeUps = due
      .slice(0, limit)
      .map(({ tenant, id, workload, priority, userId, version }): PendingWakeUp => ({ tenant, id, workload, priority, userId, version }));
    if (due.length > limit) return { wakeUps, nextInMs: 0 };
    return { wakeUps, nextInMs: Number.isFinite(next) ? next - now : null };
  }

  published(wakeUps: readonly PendingWakeUp[]): void {
    const now = this.now();
    for (const wakeUp of wakeUps) {
      const row = this.row(wakeUp);
      if (row === undefined || row.record.version !== wakeUp.version) continue;
      row.record = { ...row.record, publish: 'published', publishedAt: now, version: row.record.version + 1 };
    }
  }
}

/** Its wake-up is used up, or its due time has changed: to be published again. */
const PENDING = { publish: 'pending', publishedAt: null } as const;

export function rowKey(key: RecordKey): string {
  return `${key.tenant}\n${key.id}`;
}

function isLive(record: WorkRecord, now: number): boolean {
  return record.lockedUntil !== null && record.lockedUntil > now;
}

/** The fence is the token: a lease that ran out but was not replaced is still held. */
function holds(record: WorkRecord, ref: LeaseRef): boolean {
  return record.lockToken === ref.token && record.lockedBy === ref.worker;
}

function refusalOf({ record, claimId }: Row, request: ClaimRequest, now: number): Pick<Refusal, 'why' | 'until'> | null {
  if (record.dueAt === null) return { why: 'at-rest', until: null };
  if (isLive(record, now)) return { why: 'leased', until: record.lockedUntil };
  if (record.dueAt > now) return { why: 'not-due', until: record.dueAt };
  // This very claim had it and its lease is over: "leases nothing twice".
  if (claimId === request.claimId) return { why: 'leased', until: now };
  if (record.barrenClaims >= SUSPECT_AFTER && !request.alone) return { why: 'suspect', until: null };
  return null;
}

function lease(row: Row, request: ClaimRequest, now: number): WorkRecord {
  const { record } = row;
  row.record = {
    ...record,
    lockedBy: request.worker,
    lockToken: record.lockToken + 1,
    lockedAt: now,
    lockedUntil: now + request.leaseMs,
    claims: record.claims + 1,
    barrenClaims: record.barrenClaims + 1,
    ...PENDING,
    updatedAt: now,
    version: record.version + 1,
  };
  row.claimId = request.claimId;
  row.lastSeq = 0;
  return row.record;
}

function merged(deliveries: readonly Delivery[], changed: readonly Delivery[]): readonly Delivery[] {
  if (changed.length === 0) return deliveries;
  const byId = new Map(changed.map((delivery) => [delivery.id, delivery]));
  return deliveries.map((delivery) => byId.get(delivery.id) ?? delivery);
}

function refuseSecondDelivered(row: Row, ledger: readonly LedgerEntry[]): void {
  for (const entry of ledger) {
    if (entry.kind !== 'outcome' || entry.result !== 'delivered') continue;
    const known = row.ledger.some((one) => one.kind === 'outcome' && one.result === 'delivered' && one.operationId === entry.operationId);
    if (known) throw new SignalboxError('conflict', 'a delivered outcome of this operation is stored already');
  }
}
