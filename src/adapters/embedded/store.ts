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
import type { Tally } from './tally.js';

/** `RecordStore` on the data file. Its clock is the given one; every write joins the transaction of its turn. */
export class EmbeddedStore implements RecordStore {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #rows: Rows;
  readonly #appends: Appends;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(database: Database, group: GroupCommit, clock: Clock, tally: Tally) {
    this.#group = group;
    this.#clock = clock;
    this.#rows = new Rows(database);
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
      return leases.filter(({ tenant, id, token, worker }) => {
        return Number(this.#sql.renew.run(now + leaseMs, now, tenant, id, token, worker).changes) === 1;
      });
    });
  }

  commit(lease: LeaseRef, change: Change): Promise<CommitResult> {
    return this.#group.write((): CommitResult => {
      const row = this.#sql.lease.get(lease.tenant, lease.id) as LeaseRow | undefined;
      if (row === undefined || row.lock_token !== lease.token) return { applied: false };
      const cancelRequestedAt = row.cancel_requested_at;
      const earlier = versionOf(row.commits, change.seq);
      if (earlier !== undefined) return { applied: true, version: earlier, cancelRequestedAt };
      // One that was given up and arrives after its successor must not be laid over it.
      if (row.locked_by !== lease.worker || change.seq < lastSeq(row.commits)) return { applied: false };
      const now = this.#clock.now();
      const version = row.version + 1;
      const { seq, status, dueAt, release } = change;
      const commits = `${row.commits} ${seq}:${version}`;
      if (release) this.#sql.commitAndRelease.run(status, dueAt, now, commits, version, row.seq);
      else if (dueAt !== row.due_at) this.#sql.commitAndMove.run(status, dueAt, now, commits, version, row.seq);
      else this.#sql.commit.run(status, now, commits, version, row.seq);
      this.#append(row.seq, version, lease.tenant, change);
      return { applied: true, version, cancelRequestedAt };
    });
  }

  amend(key: RecordKey, amendment: Amendment): Promise<AmendResult> {
    return this.#group.write((): AmendResult => {
      const now = this.#clock.now();
      const row = this.#rows.find(key.tenant, key.id);
      if (row === undefined) return { outcome: 'missing' };
      if (isLeased(row, now)) return { outcome: 'leased' };
      if (row.version !== amendment.version) return { outcome: 'conflict' };
      const { status, dueAt, cancelRequestedAt } = amendment;
      this.#sql.amend.run(status, dueAt, cancelRequestedAt, now, row.seq);
      this.#append(row.seq, row.version + 1, key.tenant, amendment);
      return { outcome: 'applied', record: this.#read(key) };
    });
  }

  requestCancel(key: RecordKey, event: RecordEvent): Promise<WorkRecord | null> {
    return this.#group.write(() => {
      const row = this.#rows.find(key.tenant, key.id);
      if (row === undefined || row.due_at === null) return null;
      if (row.cancel_requested_at !== null) return this.#rows.toRecord(row);
      const now = this.#clock.now();
      this.#sql.requestCancel.run(now, now, row.seq);
      this.#appends.addEvents(row.seq, row.version + 1, [event]);
      return this.#read(key);
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
    this.#sql.addContents.run(seq, JSON.stringify(contents));
    const deliveries = draft.deliveries.map((delivery) => settleDue(delivery, createdAt, now));
    for (const [place, delivery] of deliveries.entries()) this.#appends.addDelivery(seq, place, tenant, delivery);
    this.#appends.addEvents(seq, 1, draft.events);
    return { outcome: 'created', record: { tenant, id, ...contents, status, updatedAt: now, dueAt, ...NEW, deliveries } };
  }

  #known(draft: Draft): AcceptResult {
    const record = this.#read(draft);
    return { outcome: record.fingerprint === draft.fingerprint ? 'repeat' : 'conflict', record };
  }

  #claim(key: RecordKey, request: ClaimRequest, now: number): WorkRecord | Refusal {
    const { tenant, id } = key;
    const { claimId, worker } = request;
    const row = this.#sql.claimable.get(tenant, id) as ClaimRow | undefined;
    if (row === undefined) return { tenant, id, why: 'missing', until: null };
    if (row.due_at === null) return { tenant, id, why: 'at-rest', until: null };
    if (isLeased(row, now)) {
      if (row.claim_id === claimId && row.locked_by === worker) return this.#read(key);
      return { tenant, id, why: 'leased', until: row.locked_until };
    }
    if (row.due_at > now) return { tenant, id, why: 'not-due', until: row.due_at };
    // This very claim had it and it is over, so nobody waits for the answer: another claim may take it at once.
    if (row.claim_id === claimId) return { tenant, id, why: 'leased', until: now };
    if (row.barren_claims >= SUSPECT_AFTER && !request.alone) return { tenant, id, why: 'suspect', until: null };
    const lock = { locked_by: worker, locked_at: now, locked_until: now + request.leaseMs, lock_token: row.lock_token + 1 };
    const counts = { claims: row.claims + 1, barren_claims: row.barren_claims + 1, version: row.version + 1 };
    this.#sql.claim.run(
      worker,
      now,
      lock.locked_until,
      lock.lock_token,
      claimId,
      counts.claims,
      counts.barren_claims,
      now,
      counts.version,
      row.seq,
    );
    return this.#rows.toRecord({ ...row, ...lock, ...counts, tenant, id, updated_at: now, published_at: null });
  }

  /** A record that is known to be there. */
  #read(key: RecordKey): WorkRecord {
    const row = this.#rows.find(key.tenant, key.id);
    if (row === undefined) throw new Error('a record that was just found is not there');
    return this.#rows.toRecord(row);
  }

  #append(record: number, version: number, tenant: string, change: Pick<Change, 'deliveries' | 'ledger' | 'events'>): void {
    for (const delivery of change.deliveries) this.#appends.changeDelivery(record, delivery);
    this.#appends.addLedger(record, version, tenant, change.ledger);
    this.#appends.addEvents(record, version, change.events);
  }
}

type LeaseRow = Pick<RecordRow, 'seq' | 'due_at' | 'locked_by' | 'lock_token' | 'cancel_requested_at' | 'version'> & {
  readonly commits: string;
};

type ClaimRow = Omit<RecordRow, 'tenant' | 'id' | 'updated_at' | 'published_at' | 'locked_at'> & { readonly claim_id: string | null };

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

function isLeased(row: Pick<RecordRow, 'locked_until'>, now: number): boolean {
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
 * Each change is a SELECT, a decision and an UPDATE by row number: in one synchronous block on the only connection that
 * is a compare-and-set, and a third of the price of an UPDATE with RETURNING.
 * `published_at` NULL is "pending". `locked_by` is NULL when a lease was given back; one that only ran out keeps its
 * holder, who may still renew it and commit. Columns that are indexed are set only where they change.
 */
function prepare(database: Database) {
  const commit = (more: string) => `UPDATE records
    SET status = ?, ${more}updated_at = ?, commits = ?, barren_claims = 0, version = ? WHERE seq = ?`;
  return {
    accept: database.prepare(`INSERT INTO records (tenant, id, workload, user_id, status, urgent, created_at, updated_at, due_at)
      VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (tenant, id) DO NOTHING`),
    addContents: database.prepare('INSERT INTO contents (record, body) VALUES (?,?)'),
    claimable: database.prepare(`SELECT seq, status, due_at, locked_by, locked_until, lock_token, claim_id, claims, barren_claims,
      cancel_requested_at, version, body FROM records JOIN contents ON record = seq WHERE tenant = ? AND id = ?`),
    claim: database.prepare(`UPDATE records
      SET locked_by = ?, locked_at = ?, locked_until = ?, lock_token = ?, claim_id = ?, claims = ?, barren_claims = ?, updated_at = ?,
        version = ?, commits = '', published_at = NULL WHERE seq = ?`),
    renew: database.prepare(`UPDATE records SET locked_until = ?, updated_at = ?, version = version + 1
      WHERE tenant = ? AND id = ? AND lock_token = ? AND locked_by = ?`),
    lease: database.prepare(
      'SELECT seq, due_at, locked_by, lock_token, commits, cancel_requested_at, version FROM records WHERE tenant = ? AND id = ?',
    ),
    commit: database.prepare(commit('')),
    commitAndMove: database.prepare(commit('due_at = ?, ')),
    commitAndRelease: database.prepare(
      commit('locked_by = NULL, locked_at = NULL, locked_until = NULL, published_at = NULL, due_at = ?, '),
    ),
    amend: database.prepare(`UPDATE records
      SET status = ?, due_at = ?, cancel_requested_at = ?, updated_at = ?, lock_token = lock_token + 1, commits = '', published_at = NULL,
        locked_by = NULL, locked_at = NULL, locked_until = NULL, version = version + 1 WHERE seq = ?`),
    requestCancel: database.prepare('UPDATE records SET cancel_requested_at = ?, updated_at = ?, version = version + 1 WHERE seq = ?'),
  };
}
