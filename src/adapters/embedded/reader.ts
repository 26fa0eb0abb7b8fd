import type { Clock } from '../../ports/clock.js';
import type { Backlog, DeliveryCounts, DeliveryQuery, DeliveryRow, History, ListQuery, RecordReader } from '../../ports/reader.js';
import type { DeliveryStatus, LedgerEntry, RecordEvent, RecordKey, WorkRecord } from '../../ports/record.js';
import { deskPart } from './desk-table.js';
import type { GroupCommit } from './group-commit.js';
import { RECORD_COLUMNS, RECORD_TABLES, type RecordRow, Rows } from './rows.js';
import type { Database, Statement, Value } from './sqlite.js';

/** After any: the place before everything in a descending order. */
const NEWEST = Number.MAX_SAFE_INTEGER;

/** Must stay as the `records_undelivered` indexes have it, or they are not used. */
const UNDELIVERED = "r.status <> 'delivered'";

/** `RecordReader` on the data file. Reads run between the transactions, so they see whole ones only. */
export class EmbeddedReader implements RecordReader {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #rows: Rows;
  readonly #database: Database;
  /** By SQL text: a list's shape follows its query, and there are a dozen shapes. */
  readonly #prepared = new Map<string, Statement>();

  constructor(database: Database, group: GroupCommit, clock: Clock) {
    this.#group = group;
    this.#clock = clock;
    this.#rows = new Rows(database);
    this.#database = database;
  }

  get(key: RecordKey): Promise<WorkRecord | null> {
    return this.#group.read(() => {
      const row = this.#rows.find(key.tenant, key.id);
      return row === undefined ? null : this.#rows.toRecord(row);
    });
  }

  history(key: RecordKey): Promise<History> {
    return this.#group.read(() => {
      const row = this.#rows.find(key.tenant, key.id);
      if (row === undefined) return { events: [], ledger: [] };
      const events = this.#all<{ entries: string }>('SELECT entries FROM events WHERE record = ? ORDER BY version', row.seq);
      const ledger = this.#all<{ entry: string }>('SELECT entry FROM ledger WHERE record = ? ORDER BY version, n', row.seq);
      return {
        events: events.flatMap(({ entries }) => JSON.parse(entries) as RecordEvent[]),
        ledger: ledger.map(({ entry }) => JSON.parse(entry) as LedgerEntry),
      };
    });
  }

  list(query: ListQuery): Promise<readonly WorkRecord[]> {
    return this.#group.read(() => {
      // Each open status is a stretch of an index in the right order; together they would have to be sorted.
      const parts = query.open === true ? OPEN.map((status) => ({ ...query, status })) : [query];
      const records = parts.flatMap((part) => {
        const { sql, values } = listSql(part);
        return this.#all<RecordRow>(sql, ...values).map((row) => this.#rows.toRecord(row));
      });
      return parts.length === 1 ? records : records.sort(newestFirst).slice(0, query.limit);
    });
  }

  listDeliveries(query: DeliveryQuery): Promise<readonly DeliveryRow[]> {
    return this.#group.read(() => {
      const { sql, values } = deliveriesSql(query);
      return this.#all<RecordRow & { delivery: string }>(sql, ...values).map((row) => this.#toDeliveryRow(row));
    });
  }

  delivery(tenant: string, deliveryId: string): Promise<DeliveryRow | null> {
    return this.#group.read(() => {
      const [row] = this.#all<RecordRow & { delivery: string }>(DELIVERY_SQL, tenant, deliveryId);
      return row === undefined ? null : this.#toDeliveryRow(row);
    });
  }

  backlog(): Promise<Backlog> {
    return this.#group.read(() => {
      const now = this.#clock.now();
      const halves = BACKLOG_SQL.flatMap((sql) => this.#all<{ open: number; due_at: number | null }>(sql));
      const open = halves.reduce((sum, half) => sum + half.open, 0);
      const earliest = Math.min(...halves.map((half) => half.due_at ?? now));
      return { open, oldestDueMs: Math.max(0, now - earliest) };
    });
  }

  deliveryCounts(): Promise<DeliveryCounts> {
    return this.#group.read(() => {
      const tallies = this.#all<{ status: DeliveryStatus; deliveries: number }>(
        'SELECT status, deliveries FROM tallies WHERE deliveries > 0',
      );
      return Object.fromEntries(tallies.map((tally) => [tally.status, tally.deliveries]));
    });
  }

  #toDeliveryRow(row: RecordRow & { delivery: string }): DeliveryRow {
    const record = this.#rows.toRecord(row);
    const delivery = record.deliveries.find((candidate) => candidate.id === row.delivery);
    if (delivery === undefined) throw new Error('a delivery is not among its record’s');
    return { record, delivery };
  }

  #all<Row>(sql: string, ...values: Value[]): Row[] {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement.all(...values) as Row[];
  }
}

/** Both halves of the open records, each counted in its own index alone. */
export const BACKLOG_SQL = ['IS NULL', 'IS NOT NULL'].map(
  (published) => `SELECT count(*) AS open, min(due_at) AS due_at FROM records WHERE due_at IS NOT NULL AND published_at ${published}`,
);

/** `d`: a delivery, or its row on the desk. */
const deliveryFrom = (d: string): string => `SELECT ${RECORD_COLUMNS}, d.id AS delivery FROM ${d}
  JOIN records r ON r.seq = d.record JOIN contents c ON c.record = r.seq`;

export const DELIVERY_SQL = `${deliveryFrom('deliveries d')} WHERE d.tenant = ? AND d.id = ?`;

const OPEN = ['queued', 'scheduled', 'deferred', 'processing'] as const;

function newestFirst(a: WorkRecord, b: WorkRecord): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1);
}

export function listSql(query: ListQuery): { sql: string; values: Value[] } {
  const after = query.after ?? { createdAt: NEWEST, id: '' };
  const values: Value[] = [query.tenant, query.workload];
  let where = 'r.tenant = ? AND r.workload = ?';
  if (query.userId !== undefined) {
    where += ' AND r.user_id = ?';
    values.push(query.userId);
  }
  if (query.status !== undefined) {
    where += query.status === 'delivered' ? ' AND r.status = ?' : ` AND r.status = ? AND ${UNDELIVERED}`;
    values.push(query.status);
  }
  const sql = `SELECT ${RECORD_COLUMNS} FROM ${RECORD_TABLES} WHERE ${where} AND (r.created_at, r.id) < (?, ?)
    ORDER BY r.created_at DESC, r.id DESC LIMIT ?`;
  return { sql, values: [...values, after.createdAt, after.id, query.limit] };
}

export function deliveriesSql(query: DeliveryQuery): { sql: string; values: Value[] } {
  const { from, where, values } = deskPart(query);
  const after = query.after ?? { settledAt: NEWEST, id: '' };
  const sql = `${deliveryFrom(from)} WHERE ${where} AND (d.settled_at, d.id) < (?, ?) ORDER BY d.settled_at DESC, d.id DESC LIMIT ?`;
  return { sql, values: [...values, after.settledAt, after.id, query.limit] };
}
