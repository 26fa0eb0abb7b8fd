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
import type { HotRecord, HotRecords } from './hot-records.js';
import { contentsOf } from './rows.js';
import type { Database } from './sqlite.js';
import type { Tally } from './tally.js';

/** `RecordStore` on the data file. Its clock is the given one; every write joins the transaction of its turn. */
export class EmbeddedStore implements RecordStore {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #hot: HotRecords;
  readonly #appends: Appends;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(database: Database, group: GroupCommit, clock: Clock, hot: HotRecords, tally: Tally) {
    this.#group = group;
    this.#clock = clock;
    this.#hot = hot;
    this.#appends = new Appends(database, tally);
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
      for (const key of distinct(request.keys)) {
        const outcome = this.#claim(key, request, now);
        if ('why' in outcome) refused.push(outcome);
        else claimed.push(outcome);
      }
      return { claimed, refused, now };
    });
  }

  renew(leases: readonly LeaseRef[], leaseMs: number): Promise<readonly LeaseRef[]> {
    return this.#group.write(() => {
      const now = this.#clock.now();
      return leases.filter((lease) => this.#renew(lease, now, now + leaseMs));
    });
  }

  commit(lease: LeaseRef, change: Change): Promise<CommitResult> {
    return this.#group.write((): CommitResult => {
      const hot = this.#hot.find(lease);
      if (hot === undefined || hot.record.lockToken !== lease.token) return { applied: false };
      const { seq: row, record } = hot;
      const { cancelRequestedAt } = record;
      const { seq, status, dueAt, release } = change;
      const earlier = versionOf(hot.commits, seq);
      if (earlier !== undefined) return { applied: true, version: earlier, cancelRequestedAt };
      // One that was given up and arrives after its successor must not be laid over it.
      if (record.lockedBy !== lease.worker || seq < lastSeq(hot.commits)) return { applied: false };
      const updatedAt = this.#clock.now();
      const version = record.version + 1;
      const commits = `${hot.commits} ${seq}:${version}`;
      if (release) this.#sql.commitAndRelease.run(status, dueAt, updatedAt, commits, version, row);
      else if (dueAt !== record.dueAt) this.#sql.commitAndMove.run(status, dueAt, updatedAt, commits, version, row);
      else this.#sql.commit.run(status, updatedAt, commits, version, row);
      const deliveries = this.#append(hot, version, change);
      const next = { ...record, status, dueAt, deliveries, updatedAt, version, barrenClaims: 0 };
      this.#hot.put({ ...hot, record: release ? { ...next, ...FREE } : next, commits });
      return { applied: true, version, cancelRequestedAt };
    });
  }

  amend(key: RecordKey, amendment: Amendment): Promise<AmendResult> {
    return this.#group.write((): AmendResult => {
      const hot = this.#hot.find(key);
      if (hot === undefined) return { outcome: 'missing' };
      const updatedAt = this.#clock.now();
      if (isLeased(hot.record, updatedAt)) return { outcome: 'leased' };
      if (hot.record.version !== amendment.version) return { outcome: 'conflict' };
      const { status, dueAt, cancelRequestedAt } = amendment;
      const version = hot.record.version + 1;
      const lockToken = hot.record.lockToken + 1;
      this.#sql.amend.run(status, dueAt, cancelRequestedAt, updatedAt, lockToken, version, hot.seq);
      const deliveries = this.#append(hot, version, amendment);
      const record = { ...hot.record, ...FREE, status, dueAt, deliveries, cancelRequestedAt, updatedAt, lockToken, version };
      this.#hot.put({ ...hot, record, commits: '' });
      return { outcome: 'applied', record };
    });
  }

  requestCancel(key: RecordKey, event: RecordEvent): Promise<WorkRecord | null> {
    return this.#group.write(() => {
      const hot = this.#hot.find(key);
      if (hot === undefined || hot.record.dueAt === null) return null;
      if (hot.record.cancelRequestedAt !== null) return hot.record;
      const now = this.#clock.now();
      const record = { ...hot.record, cancelRequestedAt: now, updatedAt: now, version: hot.record.version + 1 };
      this.#sql.requestCancel.run(now, now, record.version, hot.seq);
      this.#appends.addEvents(hot.seq, record.version, record.tenant, [event]);
      this.#hot.put({ ...hot, record });
      return record;
    });
  }

  #accept(draft: Draft, now: number): AcceptResult {
    const { tenant, id, workload, userId, status, priority, createdAt } = draft;
    const dueAt = notLater(draft.dueAt, createdAt, now);
    const urgent = priority === 'urgent' ? 1 : 0;
    const { changes, lastInsertRowid } = this.#sql.accept.run(tenant, id, workload, userId, status, urgent, createdAt, now, dueAt);
    if (Number(changes) === 0) return this.#known(draft);
    const seq = Number(lastInsertRowid);
    const contents = contentsOf(draft);
    const body = JSON.stringify(contents);
    this.#sql.addContents.run(seq, body);
    const deliveries = draft.deliveries.map((delivery) => settleDue(delivery, createdAt, now));
    for (const [place, delivery] of deliveries.entries()) this.#appends.addDelivery(seq, place, draft, delivery);
    this.#appends.addEvents(seq, 1, tenant, draft.events);
    const record: WorkRecord = { tenant, id, ...contents, status, updatedAt: now, dueAt, ...NEW, deliveries };
    if (dueAt !== null && dueAt <= now) this.#hot.add({ seq, record, claimId: null, commits: '' }, body.length);
    return { outcome: 'created', record };
  }

  #known(draft: Draft): AcceptResult {
    const hot = this.#hot.find(draft);
    if (hot === undefined) throw new Error('a record that could not be inserted is not there');
    return { outcome: hot.record.fingerprint === draft.fingerprint ? 'repeat' : 'conflict', record: hot.record };
  }

  #claim(key: RecordKey, request: ClaimRequest, now: number): WorkRecord | Refusal {
    const { tenant, id } = key;
    const { claimId, worker } = request;
    const hot = this.#hot.find(key);
    if (hot === undefined) return { tenant, id, why: 'missing', until: null };
    const { seq, record } = hot;
    if (record.dueAt === null) return { tenant, id, why: 'at-rest', until: null };
    if (isLeased(record, now)) {
      if (hot.claimId === claimId && record.lockedBy === worker) return record;
      return { tenant, id, why: 'leased', until: record.lockedUntil };
    }
    if (record.dueAt > now) return { tenant, id, why: 'not-due', until: record.dueAt };
    // This very claim had it and it is over, so nobody waits for the answer: another claim may take it at once.
    if (hot.claimId === claimId) return { tenant, id, why: 'leased', until: now };
    if (record.barrenClaims >= SUSPECT_AFTER && !request.alone) return { tenant, id, why: 'suspect', until: null };
    const lock = { lockedBy: worker, lockedAt: now, lockedUntil: now + request.leaseMs, lockToken: record.lockToken + 1 };
    const counts = { claims: record.claims + 1, barrenClaims: record.barrenClaims + 1, version: record.version + 1 };
    this.#sql.claim.run(
      worker,
      now,
      lock.lockedUntil,
      lock.lockToken,
      claimId,
      counts.claims,
      counts.barrenClaims,
      now,
      counts.version,
      seq,
    );
    const claimed: WorkRecord = { ...record, ...lock, ...counts, updatedAt: now, publish: 'pending', publishedAt: null };
    this.#hot.put({ seq, record: claimed, claimId, commits: '' });
    return claimed;
  }

  #renew(lease: LeaseRef, now: number, lockedUntil: number): boolean {
    const hot = this.#hot.find(lease);
    if (hot === undefined || hot.record.lockToken !== lease.token || hot.record.lockedBy !== lease.worker) return false;
    const record = { ...hot.record, lockedUntil, updatedAt: now, version: hot.record.version + 1 };
    this.#sql.renew.run(lockedUntil, now, record.version, hot.seq);
    this.#hot.put({ ...hot, record });
    return true;
  }

  #append(hot: HotRecord, version: number, change: Pick<Change, 'deliveries' | 'ledger' | 'events'>): readonly Delivery[] {
    const deliveries = this.#appends.changeDeliveries(hot.seq, hot.record, hot.record.deliveries, change.deliveries);
    this.#appends.addLedger(hot.seq, version, hot.record.tenant, change.ledger);
    this.#appends.addEvents(hot.seq, version, hot.record.tenant, change.events);
    return deliveries;
  }
}

/** The lock and outbox fields of a record whose lease was given back. */
const FREE = { lockedBy: null, lockedAt: null, lockedUntil: null, publish: 'pending', publishedAt: null } as const;

/** The lock and outbox fields of a record that was accepted just now. */
const NEW = { ...FREE, lockToken: 0, claims: 0, barrenClaims: 0, cancelRequestedAt: null, version: 1 } as const;

/** The version that the commit `seq` made; undefined where there was none. */
function versionOf(commits: string, seq: number): number | undefined {
  const at = commits.indexOf(` ${seq}:`);
  return at < 0 ? undefined : Number.parseInt(commits.slice(commits.indexOf(':', at) + 1), 10);
}

function lastSeq(commits: string): number {
  return commits === '' ? 0 : Number.parseInt(commits.slice(commits.lastIndexOf(' ') + 1), 10);
}

/** A key named twice is one key. */
function distinct(keys: readonly RecordKey[]): Iterable<RecordKey> {
  if (keys.length < 2) return keys;
  return new Map(keys.map((key) => [`${key.tenant}\n${key.id}`, key])).values();
}

function isLeased({ lockedUntil }: WorkRecord, now: number): boolean {
  return lockedUntil !== null && lockedUntil > now;
}

/** Due at once by the accepting clock is due at once by ours. */
function notLater(dueAt: number | null, createdAt: number, now: number): number | null {
  return dueAt === createdAt && dueAt > now ? now : dueAt;
}

function settleDue(delivery: Delivery, createdAt: number, now: number): Delivery {
  const dueAt = notLater(delivery.dueAt, createdAt, now);
  return dueAt === delivery.dueAt ? delivery : { ...delivery, dueAt };
}

/**
 * Each change is a read, a decision and an UPDATE by row number: in one synchronous block on the only connection that is
 * a compare-and-set, and cheaper by far than an UPDATE with RETURNING.
 * `published_at` NULL is "pending". `locked_by` is NULL when a lease was given back; one that only ran out keeps its
 * holder, who may still renew it and commit. Columns that are indexed are set only where they change.
 */
function prepare(database: Database) {
  const commit = (more: string) =>
    database.prepare(`UPDATE records SET status = ?, ${more}updated_at = ?, commits = ?, barren_claims = 0, version = ? WHERE seq = ?`);
  const free = 'locked_by = NULL, locked_at = NULL, locked_until = NULL, published_at = NULL, ';
  return {
    accept: database.prepare(`INSERT INTO records (tenant, id, workload, user_id, status, urgent, created_at, updated_at, due_at)
      VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (tenant, id) DO NOTHING`),
    addContents: database.prepare('INSERT INTO contents (record, body) VALUES (?,?)'),
    claim: database.prepare(`UPDATE records
      SET locked_by = ?, locked_at = ?, locked_until = ?, lock_token = ?, claim_id = ?, claims = ?, barren_claims = ?, updated_at = ?,
        version = ?, commits = '', published_at = NULL WHERE seq = ?`),
    renew: database.prepare('UPDATE records SET locked_until = ?, updated_at = ?, version = ? WHERE seq = ?'),
    commit: commit(''),
    commitAndMove: commit('due_at = ?, '),
    commitAndRelease: commit(`${free}due_at = ?, `),
    amend: database.prepare(`UPDATE records
      SET ${free}status = ?, due_at = ?, cancel_requested_at = ?, updated_at = ?, lock_token = ?, version = ?, commits = '' WHERE seq = ?`),
    requestCancel: database.prepare('UPDATE records SET cancel_requested_at = ?, updated_at = ?, version = ? WHERE seq = ?'),
  };
}
