import type { Clock } from '../../ports/clock.js';
import type { DueScan, Outbox, PendingWakeUp } from '../../ports/outbox.js';
import type { GroupCommit } from './group-commit.js';
import type { HotRecords } from './hot-records.js';
import type { Database, Statement, Value } from './sqlite.js';

interface DueRow {
  readonly tenant: string;
  readonly id: string;
  readonly workload: string;
  readonly urgent: number;
  readonly user_id: string | null;
  readonly version: number;
  readonly due_at: number;
}

/** `Outbox` on the data file. */
export class EmbeddedOutbox implements Outbox {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #hot: HotRecords;
  readonly #pending: Statement;
  readonly #stale: Statement;
  readonly #next: readonly Statement[];
  readonly #mark: Statement;

  constructor(database: Database, group: GroupCommit, clock: Clock, hot: HotRecords) {
    this.#group = group;
    this.#clock = clock;
    this.#hot = hot;
    this.#pending = database.prepare(OUTBOX_SQL.pending);
    this.#stale = database.prepare(OUTBOX_SQL.stale);
    this.#next = OUTBOX_SQL.next.map((sql) => database.prepare(sql));
    this.#mark = database.prepare('UPDATE records SET published_at = ?, version = ? WHERE seq = ?');
  }

  due(limit: number, republishAfterMs: number): Promise<DueScan> {
    return this.#group.read(() => {
      const now = this.#clock.now();
      const staleSince = now - republishAfterMs;
      // One more than asked for tells whether the limit cut something off.
      const rows = [
        ...(this.#pending.all(1, now, now, limit + 1) as DueRow[]),
        ...(this.#pending.all(0, now, now, limit + 1) as DueRow[]),
        ...(this.#stale.all(staleSince, now, now, limit + 1) as DueRow[]),
      ].sort((a, b) => b.urgent - a.urgent || a.due_at - b.due_at);
      const wakeUps = rows.slice(0, limit).map(toWakeUp);
      if (rows.length > limit) return { wakeUps, nextInMs: 0 };
      return { wakeUps, nextInMs: this.#nextInMs(now, republishAfterMs, wakeUps.length > 0) };
    });
  }

  published(wakeUps: readonly PendingWakeUp[]): Promise<void> {
    return this.#group.write(() => {
      const now = this.#clock.now();
      for (const wakeUp of wakeUps) this.#markOne(wakeUp, now);
    });
  }

  #markOne(wakeUp: PendingWakeUp, now: number): void {
    const hot = this.#hot.find(wakeUp);
    if (hot === undefined || hot.record.version !== wakeUp.version) return;
    const version = wakeUp.version + 1;
    this.#mark.run(now, version, hot.seq);
    this.#hot.put({ ...hot, record: { ...hot.record, publish: 'published', publishedAt: now, version } });
  }

  #nextInMs(now: number, republishAfterMs: number, given: boolean): number | null {
    const values: readonly Value[][] = [[1, now], [0, now], [1, now, now], [0, now, now], [now - republishAfterMs]];
    let next = given ? now + republishAfterMs : Number.POSITIVE_INFINITY;
    for (const [index, statement] of this.#next.entries()) {
      const row = statement.get(...(values[index] ?? [])) as { at: number | null } | undefined;
      const at = row?.at ?? null;
      if (at !== null) next = Math.min(next, index === LAST ? at + republishAfterMs : at);
    }
    return next === Number.POSITIVE_INFINITY ? null : Math.max(0, next - now);
  }
}

function toWakeUp(row: DueRow): PendingWakeUp {
  const { tenant, id, workload, version, user_id: userId } = row;
  return { tenant, id, workload, version, userId, priority: row.urgent === 1 ? 'urgent' : 'normal' };
}

const COLUMNS = 'tenant, id, workload, urgent, user_id, version, due_at';
const IS_PENDING = 'due_at IS NOT NULL AND published_at IS NULL';
const IS_PUBLISHED = 'due_at IS NOT NULL AND published_at IS NOT NULL';
const IS_FREE = '(locked_until IS NULL OR locked_until <= ?)';

/**
 * `pending` walks past the leased records: there are only as many as the workers hold. `stale` sorts the wake-ups that
 * were lost or wait behind a long queue. `next`, per urgency: the next due time; the next end of a lease among what is
 * due; and the oldest publication that is not stale.
 */
export const OUTBOX_SQL = {
  pending: `SELECT ${COLUMNS} FROM records WHERE ${IS_PENDING} AND urgent = ? AND due_at <= ? AND ${IS_FREE} ORDER BY due_at LIMIT ?`,
  stale: `SELECT ${COLUMNS} FROM records WHERE ${IS_PUBLISHED} AND published_at <= ? AND due_at <= ? AND ${IS_FREE}
    ORDER BY urgent DESC, due_at LIMIT ?`,
  next: [
    `SELECT min(due_at) AS at FROM records WHERE ${IS_PENDING} AND urgent = ? AND due_at > ?`,
    `SELECT min(due_at) AS at FROM records WHERE ${IS_PENDING} AND urgent = ? AND due_at > ?`,
    `SELECT min(locked_until) AS at FROM records WHERE ${IS_PENDING} AND urgent = ? AND due_at <= ? AND locked_until > ?`,
    `SELECT min(locked_until) AS at FROM records WHERE ${IS_PENDING} AND urgent = ? AND due_at <= ? AND locked_until > ?`,
    `SELECT min(published_at) AS at FROM records WHERE ${IS_PUBLISHED} AND published_at > ?`,
  ],
} as const;

const LAST = OUTBOX_SQL.next.length - 1;
