import type { Clock } from '../../ports/clock.js';
import type { Delivery, RecordEvent, RecordKey, WorkRecord } from '../../ports/record.js';
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
  type RecordStore,
  type Refusal,
  SUSPECT_AFTER,
} from '../../ports/store.js';
import { Appends } from './appends.js';
import type { GroupCommit } from './group-commit.js';
import { contentsOf, type RecordRow, Rows } from './rows.js';
import type { Database } from './sqlite.js';

/** `RecordStore` on the data file. Its clock is the given one; every write joins the transaction of its turn. */
export class EmbeddedStore implements RecordStore {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #rows: Rows;
  readonly #appends: Appends;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(database: Database, group: GroupCommit, clock: Clock) {
    this.#group = group;
    this.#clock = clock;
    this.#rows = new Rows(database);
    this.#appends = new Appends(database);
    this.#sql = prepare(database);
  }

  accept(drafts: readonly Draft[]): Promise<readonly AcceptResult[]> {
    return this.#group.write(() => {
      const now = this.#clock.now();
      return drafts.map((draft) => this.#accept(draft, now));
    });
  }

  claim(request: ClaimRequest): Promise<ClaimResult> {
    return this.#group.write(() => {
      const now = this.#clock.now();
      const claimed: WorkRecord[] = [];
      const refused: Refusal[] = [];
      for (const key of request.keys) {
        const outcome = this.#claim(key, request, now);
        if ('why' in outcome) refused.push(outcome);
        else if (!claimed.some((record) => record.id === key.id && record.tenant === key.tenant)) claimed.push(outcome);
      }
      return { claimed, refused, now };
    });
  }

  renew(leases: readonly LeaseRef[], leaseMs: number): Promise<readonly LeaseRef[]> {
    return this.#group.write(() => {
      const now = this.#clock.now();
      return leases.filter(({ tenant, id, token, worker }) => {
        return Number(this.#sql.renew.run(now + leaseMs, now, tenant, id, token, worker).changes) === 1;
      });
    });
  }

  commit(lease: LeaseRef, change: Change): Promise<CommitResult> {
    return this.#group.write(() => {
      const { tenant, id, token, worker } = lease;
      const statement = change.release ? this.#sql.commitAndRelease : this.#sql.commit;
      const now = this.#clock.now();
      const row = statement.get(change.status, change.dueAt, now, change.seq, tenant, id, token, worker, change.seq) as
        | Pick<RecordRow, 'seq' | 'version' | 'cancel_requested_at'>
        | undefined;
      if (row === undefined) return this.#repeated(lease, change.seq);
      this.#append(row, tenant, change);
      return { applied: true, version: row.version, cancelRequestedAt: row.cancel_requested_at };
    });
  }

  amend(key: RecordKey, amendment: Amendment): Promise<AmendResult> {
    return this.#group.write((): AmendResult => {
      const now = this.#clock.now();
      const { status, dueAt, cancelRequestedAt, version } = amendment;
      const row = this.#sql.amend.get(status, dueAt, cancelRequestedAt, now, key.tenant, key.id, version, now) as
        | Pick<RecordRow, 'seq' | 'version'>
        | undefined;
      if (row !== undefined) this.#append(row, key.tenant, amendment);
      const found = this.#rows.find(key.tenant, key.id);
      if (found === undefined) return { outcome: 'missing' };
      if (row !== undefined) return { outcome: 'applied', record: this.#rows.toRecord(found) };
      return { outcome: isLeased(found, now) ? 'leased' : 'conflict' };
    });
  }

  requestCancel(key: RecordKey, event: RecordEvent): Promise<WorkRecord | null> {
    return this.#group.write(() => {
      const now = this.#clock.now();
      const row = this.#sql.requestCancel.get(now, now, key.tenant, key.id) as Pick<RecordRow, 'seq' | 'version'> | undefined;
      if (row !== undefined) this.#appends.addEvents(row.seq, row.version, [event]);
      const found = this.#rows.find(key.tenant, key.id);
      return found === undefined || found.due_at === null ? null : this.#rows.toRecord(found);
    });
  }

  #accept(draft: Draft, now: number): AcceptResult {
    const { tenant, id, workload, userId, status, priority, createdAt } = draft;
    const dueAt = notLater(draft.dueAt, createdAt, now);
    const urgent = priority === 'urgent' ? 1 : 0;
    const row = this.#sql.accept.get(tenant, id, workload, userId, status, urgent, createdAt, now, dueAt) as { seq: number } | undefined;
    if (row === undefined) return this.#known(draft);
    const contents = contentsOf(draft);
    this.#sql.addContents.run(row.seq, JSON.stringify(contents));
    const deliveries = draft.deliveries.map((delivery) => settleDue(delivery, createdAt, now));
    for (const [place, delivery] of deliveries.entries()) this.#appends.addDelivery(row.seq, place, tenant, delivery);
    this.#appends.addEvents(row.seq, 1, draft.events);
    return { outcome: 'created', record: { tenant, id, ...contents, status, updatedAt: now, dueAt, ...NEW, deliveries } };
  }

  #known(draft: Draft): AcceptResult {
    const row = this.#rows.find(draft.tenant, draft.id);
    if (row === undefined) throw new Error('a record that could not be inserted is not there');
    const record = this.#rows.toRecord(row);
    return { outcome: record.fingerprint === draft.fingerprint ? 'repeat' : 'conflict', record };
  }

  #claim(key: RecordKey, request: ClaimRequest, now: number): WorkRecord | Refusal {
    const { claimId, worker, leaseMs } = request;
    const suspects = request.alone ? Number.MAX_SAFE_INTEGER : SUSPECT_AFTER;
    const until = now + leaseMs;
    const row = this.#sql.claim.get(worker, now, until, claimId, now, key.tenant, key.id, now, now, suspects, claimId) as
      | Omit<RecordRow, keyof typeof written | 'tenant' | 'id'>
      | undefined;
    if (row === undefined) return this.#unclaimed(key, request, now);
    const written = { locked_by: worker, locked_at: now, locked_until: until, updated_at: now, published_at: null };
    return this.#rows.toRecord({ ...row, ...written, tenant: key.tenant, id: key.id });
  }

  /** Why the claim took nothing; or what it took when it was made before. */
  #unclaimed(key: RecordKey, request: ClaimRequest, now: number): WorkRecord | Refusal {
    const { tenant, id } = key;
    const row = this.#rows.find(tenant, id);
    if (row === undefined) return { tenant, id, why: 'missing', until: null };
    if (row.due_at === null) return { tenant, id, why: 'at-rest', until: null };
    if (isLeased(row, now)) {
      if (row.claim_id === request.claimId && row.locked_by === request.worker) return this.#rows.toRecord(row);
      return { tenant, id, why: 'leased', until: row.locked_until };
    }
    if (row.due_at > now) return { tenant, id, why: 'not-due', until: row.due_at };
    // This very claim had it, and it is over: another claim may take it at once.
    if (row.claim_id === request.claimId) return { tenant, id, why: 'leased', until: now };
    return { tenant, id, why: 'suspect', until: null };
  }

  #repeated(lease: LeaseRef, seq: number): CommitResult {
    const row = this.#rows.find(lease.tenant, lease.id);
    if (row === undefined || row.lock_token !== lease.token || row.last_seq < seq) return { applied: false };
    return { applied: true, version: row.last_seq_version, cancelRequestedAt: row.cancel_requested_at };
  }

  #append(row: Pick<RecordRow, 'seq' | 'version'>, tenant: string, change: Pick<Change, 'deliveries' | 'ledger' | 'events'>): void {
    for (const delivery of change.deliveries) this.#appends.changeDelivery(row.seq, delivery);
    this.#appends.addLedger(row.seq, row.version, tenant, change.ledger);
    this.#appends.addEvents(row.seq, row.version, change.events);
  }
}

/** The lock and outbox fields of a record that was accepted just now. */
const NEW = {
  publish: 'pending',
  publishedAt: null,
  lockedBy: null,
  lockToken: 0,
  lockedAt: null,
  lockedUntil: null,
  claims: 0,
  barrenClaims: 0,
  cancelRequestedAt: null,
  version: 1,
} as const;

function isLeased(row: RecordRow, now: number): boolean {
  return row.locked_until !== null && row.locked_until > now;
}

/** Due at once by the accepting clock is due at once by ours. */
function notLater(dueAt: number | null, createdAt: number, now: number): number | null {
  return dueAt !== null && dueAt <= createdAt && dueAt > now ? now : dueAt;
}

function settleDue(delivery: Delivery, createdAt: number, now: number): Delivery {
  const dueAt = notLater(delivery.dueAt, createdAt, now);
  return dueAt === delivery.dueAt ? delivery : { ...delivery, dueAt };
}

/**
 * Every write is one compare-and-set. `published_at = NULL` is "pending"; `locked_until` is NULL when a lease was given
 * back, and a time in the past when it ran out: only the second may still be renewed or committed under.
 */
function prepare(database: Database) {
  const commit = (release: string) => `UPDATE records
    SET status = ?, due_at = ?, updated_at = ?, last_seq = ?, last_seq_version = version + 1, barren_claims = 0, version = version + 1${release}
    WHERE tenant = ? AND id = ? AND lock_token = ? AND locked_by = ? AND last_seq < ?
    RETURNING seq, version, cancel_requested_at`;
  return {
    accept: database.prepare(`INSERT INTO records (tenant, id, workload, user_id, status, urgent, created_at, updated_at, due_at)
      VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (tenant, id) DO NOTHING RETURNING seq`),
    addContents: database.prepare('INSERT INTO contents (record, body) VALUES (?,?)'),
    claim: database.prepare(`UPDATE records
      SET locked_by = ?, locked_at = ?, locked_until = ?, claim_id = ?, updated_at = ?, lock_token = lock_token + 1, claims = claims + 1,
        barren_claims = barren_claims + 1, last_seq = 0, published_at = NULL, version = version + 1
      WHERE tenant = ? AND id = ? AND due_at <= ? AND (locked_until IS NULL OR locked_until <= ?)
        AND barren_claims < ? AND claim_id IS NOT ?
      RETURNING seq, status, due_at, lock_token, claims, barren_claims, cancel_requested_at, version,
        (SELECT body FROM contents WHERE record = records.seq) AS body`),
    renew: database.prepare(`UPDATE records SET locked_until = ?, updated_at = ?, version = version + 1
      WHERE tenant = ? AND id = ? AND lock_token = ? AND locked_by = ?`),
    commit: database.prepare(commit('')),
    commitAndRelease: database.prepare(commit(', locked_by = NULL, locked_at = NULL, locked_until = NULL, published_at = NULL')),
    amend: database.prepare(`UPDATE records
      SET status = ?, due_at = ?, cancel_requested_at = ?, updated_at = ?, lock_token = lock_token + 1, last_seq = 0, published_at = NULL,
        locked_by = NULL, locked_at = NULL, locked_until = NULL, version = version + 1
      WHERE tenant = ? AND id = ? AND version = ? AND (locked_until IS NULL OR locked_until <= ?)
      RETURNING seq, version`),
    requestCancel: database.prepare(`UPDATE records SET cancel_requested_at = ?, updated_at = ?, version = version + 1
      WHERE tenant = ? AND id = ? AND due_at IS NOT NULL AND cancel_requested_at IS NULL RETURNING seq, version`),
  };
}
