import type { DeliveryFilter } from '../../ports/reader.js';
import type { Delivery, WorkRecord } from '../../ports/record.js';
import type { Database, Statement, Value } from './sqlite.js';

/** Whose delivery it is, as the desk shows it. */
export type DeskOwner = Pick<WorkRecord, 'tenant' | 'workload' | 'userId'>;

/** Keeps the desk's rows: there from when a delivery is dead or held until it is so no more. */
export class DeskTable {
  readonly #put: Statement;
  readonly #remove: Statement;

  constructor(database: Database) {
    this.#put = database.prepare(
      `INSERT INTO desk (tenant, status, settled_at, id, record, workload, channel, user_id, code, fingerprint)
        VALUES (?,?,?,?,?,?,?,?,?,?)`,
    );
    this.#remove = database.prepare('DELETE FROM desk WHERE tenant = ? AND status = ? AND settled_at = ? AND id = ?');
  }

  /** @param before null: it is new */
  move(record: number, owner: DeskOwner, before: Delivery | null, after: Delivery): void {
    if (before !== null && isOnTheDesk(before)) this.#remove.run(owner.tenant, before.status, before.settledAt ?? 0, before.id);
    if (!isOnTheDesk(after)) return;
    const { status, settledAt, id, channel, failure, fingerprint } = after;
    const { tenant, workload, userId } = owner;
    this.#put.run(tenant, status, settledAt ?? 0, id, record, workload, channel, userId, failure?.code ?? null, fingerprint);
  }
}

function isOnTheDesk({ status }: Delivery): boolean {
  return status === 'dead' || status === 'held';
}

/** The part of the desk that matches: its rows are `d`. */
export interface DeskPart {
  readonly from: string;
  readonly where: string;
  readonly values: Value[];
}

export function deskPart(filter: DeliveryFilter): DeskPart {
  const { tenant, status, workload, exceptWorkload, channel, fingerprint, code, userId, since, until } = filter;
  const conditions: readonly (readonly [string, Value | undefined])[] = [
    ['d.tenant = ?', tenant],
    ['d.status = ?', status],
    ['d.fingerprint = ?', fingerprint],
    ['d.user_id = ?', userId],
    ['d.code = ?', code],
    ['d.channel = ?', channel],
    ['d.workload = ?', workload],
    ['d.workload <> ?', exceptWorkload],
    ['d.settled_at >= ?', since],
    ['d.settled_at < ?', until],
  ];
  const given = conditions.filter((condition): condition is readonly [string, Value] => condition[1] !== undefined);
  return { from: `desk d${indexFor(filter)}`, where: given.map(([sql]) => sql).join(' AND '), values: given.map(([, value]) => value) };
}

/** Named, since SQLite without statistics takes the range over the times for the better choice. All are in the order of the lists. */
function indexFor({ fingerprint, userId, code }: DeliveryFilter): string {
  if (fingerprint !== undefined) return ' INDEXED BY desk_of_cause';
  if (userId !== undefined) return ' INDEXED BY desk_of_user';
  return code === undefined ? '' : ' INDEXED BY desk_of_code';
}
