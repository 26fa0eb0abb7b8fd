import type { Delivery, WorkRecord } from '../../ports/record.js';
import type { Draft } from '../../ports/store.js';
import type { Database, Statement } from './sqlite.js';

/** What never changes about a record; one JSON text. */
export type Contents = Pick<
  Draft,
  'workload' | 'principal' | 'userId' | 'priority' | 'payload' | 'correlation' | 'fingerprint' | 'createdAt'
>;

/** What a record is made from: its hot columns with its contents. */
export interface RecordRow {
  readonly seq: number;
  readonly tenant: string;
  readonly id: string;
  readonly status: WorkRecord['status'];
  readonly updated_at: number;
  readonly due_at: number | null;
  readonly published_at: number | null;
  readonly locked_by: string | null;
  readonly lock_token: number;
  readonly locked_at: number | null;
  readonly locked_until: number | null;
  readonly claims: number;
  readonly barren_claims: number;
  readonly cancel_requested_at: number | null;
  readonly version: number;
  readonly body: string;
}

/** With what tells a repeated claim or commit from a new one. */
export interface FullRow extends RecordRow {
  readonly claim_id: string | null;
  readonly commits: string;
}

export const RECORD_COLUMNS = `r.seq, r.tenant, r.id, r.status, r.updated_at, r.due_at, r.published_at,
  r.locked_by, r.lock_token, r.locked_at, r.locked_until, r.claims, r.barren_claims,
  r.cancel_requested_at, r.version, c.body`;

export const RECORD_TABLES = 'records r JOIN contents c ON c.record = r.seq';

/** The statements that more than one part reads with. */
export class Rows {
  readonly #record: Statement;
  readonly #deliveries: Statement;

  constructor(database: Database) {
    this.#record = database.prepare(
      `SELECT ${RECORD_COLUMNS}, r.claim_id, r.commits FROM ${RECORD_TABLES} WHERE r.tenant = ? AND r.id = ?`,
    );
    this.#deliveries = database.prepare('SELECT place, body FROM deliveries WHERE record = ?');
  }

  find(tenant: string, id: string): FullRow | undefined {
    return this.#record.get(tenant, id) as FullRow | undefined;
  }

  /** In the order of the draft. */
  deliveriesOf(seq: number): readonly Delivery[] {
    const rows = this.#deliveries.all(seq) as { place: number; body: string }[];
    // Sorted here: in SQL it costs a sorter even for the one row that most records have.
    if (rows.length > 1) rows.sort((a, b) => a.place - b.place);
    return rows.map((row) => JSON.parse(row.body) as Delivery);
  }

  toRecord(row: RecordRow): WorkRecord {
    const contents = JSON.parse(row.body) as Contents;
    return {
      tenant: row.tenant,
      id: row.id,
      ...contents,
      status: row.status,
      updatedAt: row.updated_at,
      dueAt: row.due_at,
      publish: row.published_at === null ? 'pending' : 'published',
      publishedAt: row.published_at,
      lockedBy: row.locked_by,
      lockToken: row.lock_token,
      lockedAt: row.locked_at,
      lockedUntil: row.locked_until,
      claims: row.claims,
      barrenClaims: row.barren_claims,
      cancelRequestedAt: row.cancel_requested_at,
      version: row.version,
      deliveries: this.deliveriesOf(row.seq),
    };
  }
}

export function contentsOf(draft: Draft): Contents {
  return {
    workload: draft.workload,
    principal: draft.principal,
    userId: draft.userId,
    priority: draft.priority,
    payload: draft.payload,
    correlation: draft.correlation,
    fingerprint: draft.fingerprint,
    createdAt: draft.createdAt,
  };
}
