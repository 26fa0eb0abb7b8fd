import type { AuditEntry, AuditQuery, DeliveryGroup, DeskReader } from '../../ports/desk.js';
import type { DeliveryFilter } from '../../ports/reader.js';
import type { Delivery, RecordEvent } from '../../ports/record.js';
import { deskPart } from './desk-table.js';
import type { GroupCommit } from './group-commit.js';
import type { Database, Statement, Value } from './sqlite.js';

/** `DeskReader` on the data file. */
export class EmbeddedDesk implements DeskReader {
  readonly #group: GroupCommit;
  readonly #database: Database;
  /** By SQL text: there are as many shapes as sets of filters. */
  readonly #prepared = new Map<string, Statement>();

  constructor(database: Database, group: GroupCommit) {
    this.#group = group;
    this.#database = database;
  }

  count(filter: DeliveryFilter): Promise<number> {
    return this.#group.read(() => {
      const { from, where, values } = deskPart(filter);
      return this.#count(`SELECT count(*) AS n FROM ${from} WHERE ${where}`, values);
    });
  }

  groups(filter: DeliveryFilter, limit: number): Promise<readonly DeliveryGroup[]> {
    return this.#group.read(() => {
      const { sql, values } = groupsSql(filter, limit);
      return this.#all<GroupRow>(sql, values).map((row) => this.#toGroup(filter, row));
    });
  }

  audit(query: AuditQuery): Promise<readonly AuditEntry[]> {
    return this.#group.read(() => {
      const { sql, values } = auditSql(query);
      return this.#all<AuditRow>(sql, values).map((row) => ({
        id: `${row.record}.${row.version}.${row.n}`,
        recordId: row.record_id,
        workload: row.workload,
        event: JSON.parse(row.event) as RecordEvent,
      }));
    });
  }

  doneBy(tenant: string, operation: string): Promise<number> {
    return this.#group.read(() => this.#count(DONE_BY_SQL, [tenant, operation]));
  }

  /** What a group has in common is read from its newest: carried through the grouping, every row would be read whole. */
  #toGroup(filter: DeliveryFilter, row: GroupRow): DeliveryGroup {
    const { fingerprint, count, first_at: firstAt, last_at: lastAt } = row;
    const cause = fingerprint === null ? { workload: row.workload, channel: row.channel } : { fingerprint };
    const { from, where, values } = deskPart({ ...filter, ...cause, ...(row.code === null ? {} : { code: row.code }) });
    const [newest] = this.#all<{ id: string; workload: string; body: string }>(
      `SELECT d.id, d.workload, b.body FROM ${from} JOIN deliveries b ON b.tenant = d.tenant AND b.id = d.id WHERE ${where}
        AND d.settled_at = ? ${row.code === null && fingerprint === null ? 'AND d.code IS NULL ' : ''}ORDER BY d.id DESC LIMIT 1`,
      [...values, lastAt],
    );
    if (newest === undefined) throw new Error('a group on the desk has no newest delivery');
    const { channel, failure } = JSON.parse(newest.body) as Delivery;
    return { fingerprint, workload: newest.workload, channel, failure, count, firstAt, lastAt, sample: newest.id };
  }

  #count(sql: string, values: readonly Value[]): number {
    return this.#all<{ n: number }>(sql, values)[0]?.n ?? 0;
  }

  #all<Row>(sql: string, values: readonly Value[]): Row[] {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement.all(...values) as Row[];
  }
}

/** Either the fingerprint, or what is grouped by where there is none. */
type GroupRow = { readonly count: number; readonly first_at: number; readonly last_at: number } & (
  | { readonly fingerprint: string; readonly code: null }
  | { readonly fingerprint: null; readonly workload: string; readonly channel: string; readonly code: string | null }
);

interface AuditRow {
  readonly record: number;
  readonly version: number;
  readonly n: number;
  readonly event: string;
  readonly record_id: string;
  readonly workload: string;
}

const DONE_BY_SQL = 'SELECT count(*) AS n FROM audit WHERE tenant = ? AND operation = ?';

/**
 * Largest first. A dead letter's fingerprint says workload, channel and code already, and stands in an index of its own:
 * a hundred thousand are grouped from it in a tenth of the time.
 */
function groupsSql(filter: DeliveryFilter, limit: number): { sql: string; values: Value[] } {
  const { from, where, values } = deskPart(filter);
  const dead = filter.status === 'dead';
  const columns = dead ? 'd.fingerprint, NULL AS code' : 'NULL AS fingerprint, d.workload, d.channel, d.code';
  const by = dead ? 'd.fingerprint' : 'd.workload, d.channel, d.code';
  const marked = dead ? ' AND d.fingerprint IS NOT NULL' : '';
  const sql = `SELECT ${columns}, count(*) AS count, min(d.settled_at) AS first_at, max(d.settled_at) AS last_at
    FROM ${from} WHERE ${where}${marked} GROUP BY ${by} ORDER BY count DESC, last_at DESC LIMIT ?`;
  return { sql, values: [...values, limit] };
}

function auditSql({ tenant, action, actor, since, limit, after }: AuditQuery): { sql: string; values: Value[] } {
  const values: Value[] = [tenant];
  let where = 'a.tenant = ?';
  for (const [sql, value] of [
    ['a.action = ?', action],
    ['a.actor = ?', actor],
    ['a.at >= ?', since],
  ] as const) {
    if (value === undefined) continue;
    where += ` AND ${sql}`;
    values.push(value);
  }
  if (after !== undefined) {
    where += ' AND (a.at, a.record, a.version, a.n) < (?, ?, ?, ?)';
    const [record = 0, version = 0, n = 0] = after.id.split('.').map(Number);
    values.push(after.at, record, version, n);
  }
  const sql = `SELECT a.record, a.version, a.n, a.event, r.id AS record_id, r.workload FROM audit a JOIN records r ON r.seq = a.record
    WHERE ${where} ORDER BY a.at DESC, a.record DESC, a.version DESC, a.n DESC LIMIT ?`;
  return { sql, values: [...values, limit] };
}
