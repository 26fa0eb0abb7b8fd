import type { Clock } from '../../ports/clock.js';
import { orderText, partitionOf } from '../../ports/partition.js';
import type { Failure } from '../../ports/record.js';
import type { DeadEntry, DeadQuery, ParkedKey, StreamDesk, StreamEntry, StreamKey } from '../../ports/stream.js';
import type { GroupCommit } from './group-commit.js';
import { type Database, type Statement, unavailable } from './sqlite.js';
import type { StreamArrivals } from './stream-arrivals.js';
import { failureOf, type ParkedRow, STATE, type StreamRows } from './stream-rows.js';

interface DeadRow {
  readonly place: number;
  readonly dead_at: number;
  readonly entry: string;
}

type Kept = Omit<DeadEntry, 'place' | 'deadAt'>;

interface Deps {
  readonly group: GroupCommit;
  readonly clock: Clock;
  readonly rows: StreamRows;
  readonly arrivals: StreamArrivals;
}

/** `StreamDesk` on the data file. */
export class EmbeddedStreamDesk implements StreamDesk {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #rows: StreamRows;
  readonly #arrivals: StreamArrivals;
  readonly #bury: Statement;
  readonly #newest: Statement;
  readonly #ofKey: Statement;
  readonly #get: Statement;
  readonly #remove: Statement;
  readonly #parked: Statement;

  constructor(database: Database, { group, clock, rows, arrivals }: Deps) {
    this.#group = group;
    this.#clock = clock;
    this.#rows = rows;
    this.#arrivals = arrivals;
    this.#bury = database.prepare('INSERT OR IGNORE INTO stream_dead (tenant, key, id, ord, dead_at, entry) VALUES (?, ?, ?, ?, ?, ?)');
    this.#newest = database.prepare('SELECT * FROM stream_dead WHERE tenant = ? AND place < ? ORDER BY place DESC LIMIT ?');
    this.#ofKey = database.prepare('SELECT * FROM stream_dead WHERE tenant = ? AND key = ? AND place < ? ORDER BY place DESC LIMIT ?');
    this.#get = database.prepare('SELECT * FROM stream_dead WHERE tenant = ? AND id = ? ORDER BY place LIMIT 1');
    this.#remove = database.prepare('DELETE FROM stream_dead WHERE place = ?');
    this.#parked = database.prepare(
      `SELECT *, (SELECT count(*) FROM stream_entries e WHERE e.state = 3 AND e.tenant = p.tenant AND e.key = p.key) AS waiting
        FROM stream_parked p WHERE tenant = ? ORDER BY partition, key LIMIT ?`,
    );
  }

  async bury(dead: readonly { readonly entry: StreamEntry; readonly failure: Failure }[]): Promise<void> {
    if (dead.length === 0) return;
    await this.#group.write(() => {
      for (const { entry, failure } of dead) {
        const { entry: _, ...rest } = entry;
        const kept: Kept = { ...rest, failure };
        this.#bury.run(entry.tenant, entry.key, entry.id, entry.order, this.#clock.now(), JSON.stringify(kept));
      }
    });
  }

  dead({ tenant, limit, key, before }: DeadQuery): Promise<readonly DeadEntry[]> {
    return this.#group.read(() => {
      const end = before === undefined ? Number.MAX_SAFE_INTEGER : Number(before.split('-')[1]);
      const rows = key === undefined ? this.#newest.all(tenant, end, limit) : this.#ofKey.all(tenant, key, end, limit);
      return (rows as DeadRow[]).map(toDead);
    });
  }

  get(tenant: string, id: string): Promise<DeadEntry | null> {
    return this.#group.read(() => {
      const row = this.#find(tenant, id);
      return row === null ? null : toDead(row);
    });
  }

  redrive(tenant: string, id: string): Promise<boolean> {
    return this.#group
      .write(
        () => {
          const row = this.#find(tenant, id);
          if (row === null) return null;
          this.#remove.run(row.place);
          return this.#bringBack(toDead(row));
        },
        (partition) => {
          if (partition !== null) this.#arrivals.arrived(partition);
        },
      )
      .then((partition) => partition !== null);
  }

  discard(tenant: string, id: string): Promise<boolean> {
    return this.#group.write(() => {
      const row = this.#find(tenant, id);
      return row !== null && Number(this.#remove.run(row.place).changes) === 1;
    });
  }

  parked(tenant: string, limit: number): Promise<readonly ParkedKey[]> {
    return this.#group.read(() => {
      const now = this.#clock.now();
      return (this.#parked.all(tenant, limit) as (ParkedRow & { readonly waiting: number })[]).map((row) => ({
        tenant: row.tenant,
        key: row.key,
        partition: row.partition,
        waiting: row.waiting,
        attempts: row.attempts,
        dueInMs: row.due_at === null ? null : Math.max(0, row.due_at - now),
        failure: failureOf(row),
      }));
    });
  }

  release(key: StreamKey): Promise<boolean> {
    return this.#group
      .write(
        () => {
          const parked = this.#rows.parked(key);
          if (parked === null || parked.due_at !== null) return null;
          this.#rows.goOn(parked, this.#clock.now());
          return parked.partition;
        },
        (partition) => {
          if (partition !== null) this.#arrivals.arrived(partition);
        },
      )
      .then((partition) => partition !== null);
  }

  #find(tenant: string, id: string): DeadRow | null {
    return (this.#get.get(tenant, id) as DeadRow | undefined) ?? null;
  }

  /** Gives the partition where it is now. */
  #bringBack({ tenant, key, id, fingerprint, order, appendedAt, body }: DeadEntry): number {
    const layout = this.#rows.layout();
    if (layout === null) throw unavailable('The stream has not been made yet.');
    const parked = this.#rows.parked({ tenant, key });
    const partition = parked?.partition ?? partitionOf(key, layout.partitions);
    const state = parked === null ? STATE.fresh : STATE.parked;
    this.#rows.insert({ partition, epoch: layout.epoch, state, tenant, key, id, fingerprint, ord: order, appended_at: appendedAt, body });
    if (parked?.due_at === null) this.#rows.goOn(parked, this.#clock.now());
    return partition;
  }
}

function toDead({ place, dead_at: deadAt, entry }: DeadRow): DeadEntry {
  return { ...(JSON.parse(entry) as Kept), place: orderText(0, place), deadAt };
}
