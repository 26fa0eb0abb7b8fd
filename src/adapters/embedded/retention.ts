import type { Clock } from '../../ports/clock.js';
import type { DeliveryStatus } from '../../ports/record.js';
import type { Retention } from '../../ports/retention.js';
import type { GroupCommit } from './group-commit.js';
import type { Database, Statement } from './sqlite.js';
import type { Tally } from './tally.js';

/** Where a record leaves rows, besides its own: by its row's number. */
const TABLES = ['contents', 'deliveries', 'ledger', 'events', 'audit'] as const;

/**
 * `Retention` on the data file. What rests is not among the remembered records, so those need not be told; SQLite gives
 * the room to what is written next.
 */
export class EmbeddedRetention implements Retention {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #tally: Tally;
  readonly #rested: Statement;
  readonly #statuses: Statement;
  readonly #removals: readonly Statement[];

  constructor(database: Database, group: GroupCommit, clock: Clock, tally: Tally) {
    this.#group = group;
    this.#clock = clock;
    this.#tally = tally;
    this.#rested = database.prepare(RESTED_SQL);
    this.#statuses = database.prepare('SELECT status FROM deliveries WHERE record = ?');
    this.#removals = [
      ...TABLES.map((table) => database.prepare(`DELETE FROM ${table} WHERE record = ?`)),
      database.prepare('DELETE FROM records WHERE seq = ?'),
    ];
  }

  removeRested(olderThanMs: number, limit: number): Promise<number> {
    return this.#group.write(() => {
      const rows = this.#rested.all(this.#clock.now() - olderThanMs, limit) as { seq: number }[];
      for (const { seq } of rows) {
        for (const { status } of this.#statuses.all(seq) as { status: DeliveryStatus }[]) this.#tally.move(status, null);
        for (const removal of this.#removals) removal.run(seq);
      }
      return rows.length;
    });
  }
}

/** For the test of its plan as well. The first conditions must stay as the index `records_rested` has them. */
export const RESTED_SQL = `SELECT seq FROM records r
  WHERE due_at IS NULL AND status IN ('delivered', 'skipped', 'expired', 'cancelled', 'partial') AND updated_at < ?
    AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.record = r.seq AND d.status IN ('dead', 'held'))
  ORDER BY updated_at LIMIT ?`;
