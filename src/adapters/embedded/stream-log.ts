import type { Clock } from '../../ports/clock.js';
import { partitionOf } from '../../ports/partition.js';
import type {
  Appended,
  Batch,
  Hold,
  Parking,
  PartitionDepth,
  Settlement,
  StreamDraft,
  StreamEntry,
  StreamKey,
  StreamLog,
} from '../../ports/stream.js';
import type { GroupCommit } from './group-commit.js';
import { type Database, type Statement, unavailable } from './sqlite.js';
import type { StreamArrivals } from './stream-arrivals.js';
import { type EntryRow, type LayoutRow, orderOf, type ParkedRow, STATE, type StreamRows, toEntry } from './stream-rows.js';
import { STREAM_SQL } from './stream-sql.js';

interface IdRow {
  readonly fingerprint: string;
  readonly partition: number;
  readonly ord: string;
  readonly appended_at: number;
}

/** Whether a partition is still in these hands. */
export type Owns = (hold: Hold) => boolean;

/** `StreamLog` on the data file. A settled entry stays until it is trimmed. */
export class EmbeddedStreamLog implements StreamLog {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #rows: StreamRows;
  readonly #arrivals: StreamArrivals;
  readonly #owns: Owns;
  readonly #rememberMs: number;
  /** The last batch of each partition; of this process, as its owner is. */
  readonly #batches = new Map<number, number>();
  /** Keys that it has parked: a repeat must not undo what people or time have done to them since. */
  readonly #parkedBy = new Map<number, Set<string>>();
  readonly #known: Statement;
  readonly #remember: Statement;
  readonly #open: Statement;
  readonly #due: Statement;
  readonly #nextDue: Statement;
  readonly #trim: Statement;
  readonly #forget: Statement;
  readonly #depth: Statement;
  readonly #waits: Statement;
  readonly #find: Statement;

  constructor(
    database: Database,
    {
      group,
      clock,
      rows,
      arrivals,
      owns,
      rememberMs,
    }: {
      readonly group: GroupCommit;
      readonly clock: Clock;
      readonly rows: StreamRows;
      readonly arrivals: StreamArrivals;
      readonly owns: Owns;
      readonly rememberMs: number;
    },
  ) {
    this.#group = group;
    this.#clock = clock;
    this.#rows = rows;
    this.#arrivals = arrivals;
    this.#owns = owns;
    this.#rememberMs = rememberMs;
    this.#known = database.prepare(STREAM_SQL.known);
    this.#remember = database.prepare(
      'INSERT OR REPLACE INTO stream_ids (id, fingerprint, partition, ord, appended_at, until) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#open = database.prepare(STREAM_SQL.open);
    this.#due = database.prepare(STREAM_SQL.due);
    this.#nextDue = database.prepare('SELECT min(due_at) AS at FROM stream_parked WHERE partition = ? AND due_at > ?');
    this.#trim = database.prepare(STREAM_SQL.trim);
    this.#forget = database.prepare(STREAM_SQL.forget);
    this.#depth = database.prepare(STREAM_SQL.depth);
    this.#waits = database.prepare('SELECT 1 FROM stream_entries WHERE state < 2 AND tenant = ? AND key = ? LIMIT 1');
    this.#find = database.prepare('SELECT * FROM stream_entries WHERE state <> 2 AND id = ? ORDER BY seq LIMIT 1');
  }

  append(drafts: readonly StreamDraft[]): Promise<readonly Appended[]> {
    return this.#group.write(
      () => drafts.map((draft) => this.#appendOne(draft, this.#layout())),
      (results) => {
        for (const { outcome, partition } of results) if (outcome === 'created') this.#arrivals.arrived(partition);
      },
    );
  }

  async read(hold: Hold, limit: number, settled?: Settlement): Promise<Batch | 'stale'> {
    if (settled !== undefined && (await this.settle(hold, settled)) === 'stale') return 'stale';
    // Looking costs no commit; only what is handed out is written down.
    const idle = await this.#group.read(() => this.#owns(hold) && !this.#anything(hold.partition));
    if (idle) return this.#nothing(hold);
    return this.#group.write(() => (this.#owns(hold) ? this.#hand(hold.partition, limit) : 'stale'));
  }

  settle(hold: Hold, { batch, done, parked }: Settlement): Promise<'applied' | 'stale'> {
    return this.#group.write(
      () => {
        if (!this.#owns(hold)) return 'stale';
        // Late: whatever it did not settle then has been handed out again.
        if (batch !== this.#batches.get(hold.partition)) return 'applied';
        const touched = new Map<string, EntryRow>();
        for (const entry of done) {
          const row = this.#rows.entry(Number(entry));
          if (row === null || row.state === STATE.settled) continue;
          if (row.state === STATE.parked) touched.set(laneOf(row), row);
          this.#rows.setState(row, STATE.settled);
        }
        for (const parking of parked) {
          if (this.#parkedBy.get(hold.partition)?.has(laneOf(parking)) !== true) this.#park(hold.partition, parking);
          touched.delete(laneOf(parking));
        }
        for (const row of touched.values()) {
          const lane = this.#rows.parked(row);
          if (lane !== null && lane.due_at !== null) this.#rows.goOn(lane, this.#clock.now());
        }
        return 'applied';
      },
      (how) => {
        const parkedBy = this.#parkedBy.get(hold.partition);
        if (how === 'applied' && batch === this.#batches.get(hold.partition)) for (const parking of parked) parkedBy?.add(laneOf(parking));
      },
    );
  }

  spare(hold: Hold, entries: readonly string[]): Promise<'applied' | 'stale'> {
    return this.#group.write(() => {
      if (!this.#owns(hold)) return 'stale';
      for (const entry of entries) {
        const row = this.#rows.entry(Number(entry));
        if (row?.state === STATE.out) this.#rows.setState(row, STATE.out, 1);
        const lane = row?.state === STATE.parked ? this.#rows.parked(row) : null;
        if (lane !== null) this.#rows.park({ ...lane, deliveries: 1 });
      }
      return 'applied';
    });
  }

  arrival({ partition }: Hold, maxMs: number, signal: AbortSignal): Promise<void> {
    return this.#arrivals.next(partition, maxMs, signal);
  }

  waits({ tenant, key }: StreamKey): Promise<boolean> {
    return this.#group.read(() => this.#rows.parked({ tenant, key }) !== null || this.#waits.get(tenant, key) !== undefined);
  }

  find(tenant: string, id: string): Promise<Pick<StreamEntry, 'key' | 'appendedAt'> | null> {
    return this.#group.read(() => {
      const row = this.#find.get(id) as EntryRow | undefined;
      return row?.tenant === tenant ? { key: row.key, appendedAt: row.appended_at } : null;
    });
  }

  /** What is open is known by that. */
  remember(): Promise<void> {
    return Promise.resolve();
  }

  trim(keep: number): Promise<number> {
    return this.#group.write(() => {
      this.#forget.run(this.#clock.now());
      let removed = 0;
      for (const partition of partitionsIn(this.#layout())) removed += Number(this.#trim.run(partition, partition, keep).changes);
      return removed;
    });
  }

  depth(): Promise<readonly PartitionDepth[]> {
    return this.#group.read(() =>
      partitionsIn(this.#layout()).map((partition) => {
        const row = this.#depth.get(...Array<number>(6).fill(partition)) as Omit<PartitionDepth, 'oldestMs' | 'partition'> & {
          oldest: number | null;
        };
        const { oldest, ...counts } = row;
        return { partition, ...counts, oldestMs: oldest === null ? 0 : Math.max(0, this.#clock.now() - oldest) };
      }),
    );
  }

  #layout(): LayoutRow {
    const layout = this.#rows.layout();
    if (layout === null) throw unavailable('The stream has not been made yet.');
    return layout;
  }

  #appendOne(draft: StreamDraft, { epoch, partitions }: LayoutRow): Appended {
    const now = this.#clock.now();
    const known = this.#known.get(draft.id, now) as IdRow | undefined;
    if (known !== undefined) {
      const outcome = known.fingerprint === draft.fingerprint ? 'repeat' : 'conflict';
      return { outcome, partition: known.partition, order: known.ord, appendedAt: known.appended_at };
    }
    const partition = partitionOf(draft.key, partitions);
    const seq = this.#rows.insert({ ...draft, partition, epoch, state: STATE.fresh, ord: null, appended_at: now });
    const order = orderOf({ ord: null, epoch, seq });
    this.#remember.run(draft.id, draft.fingerprint, partition, order, now, now + this.#rememberMs);
    return { outcome: 'created', partition, order, appendedAt: now };
  }

  #nothing({ partition }: Hold): Batch {
    this.#arrivals.looked(partition);
    return { number: 0, entries: [], more: false, nextInMs: this.#nextInMs(partition) };
  }

  #anything(partition: number): boolean {
    const { opened } = this.#layout();
    const open = [STATE.out, STATE.fresh].some((state) => this.#open.all(partition, state, opened, 1).length > 0);
    return open || this.#due.all(partition, this.#clock.now(), 1).length > 0;
  }

  #nextInMs(partition: number): number | null {
    const now = this.#clock.now();
    const { at } = this.#nextDue.get(partition, now) as { readonly at: number | null };
    return at === null ? null : at - now;
  }

  #hand(partition: number, limit: number): Batch {
    const { opened } = this.#layout();
    const again = this.#give(this.#open.all(partition, STATE.out, opened, limit) as EntryRow[]);
    const due = again.count > 0 ? [] : this.#giveDue(partition, limit);
    const onlyNew = again.count === 0 && due.length === 0;
    const fresh = this.#give(onlyNew ? (this.#open.all(partition, STATE.fresh, opened, limit) as EntryRow[]) : []);
    const more = !onlyNew || fresh.parked || fresh.count === limit;
    if (!more) this.#arrivals.looked(partition);
    const number = (this.#batches.get(partition) ?? 0) + 1;
    this.#batches.set(partition, number);
    this.#parkedBy.set(partition, new Set());
    return { number, entries: [...again.entries, ...due, ...fresh.entries], more, nextInMs: this.#nextInMs(partition) };
  }

  /** Hands out those whose key is not parked; the others go to its line. */
  #give(rows: readonly EntryRow[]): { readonly entries: StreamEntry[]; readonly count: number; readonly parked: boolean } {
    const entries: StreamEntry[] = [];
    for (const row of rows) {
      if (this.#rows.parked(row) === null) {
        this.#rows.setState(row, STATE.out, row.deliveries + 1);
        entries.push(toEntry(row, row.deliveries + 1, 0));
      } else this.#rows.setState(row, STATE.parked);
    }
    return { entries, count: rows.length, parked: entries.length < rows.length };
  }

  #giveDue(partition: number, limit: number): StreamEntry[] {
    const entries: StreamEntry[] = [];
    if (limit <= 0) return entries;
    for (const lane of this.#due.all(partition, this.#clock.now(), limit) as ParkedRow[]) {
      const room = limit - entries.length;
      if (room <= 0) break;
      const line = this.#rows.line(lane, room);
      if (line.length === 0) this.#rows.unpark(lane);
      else this.#rows.park({ ...lane, deliveries: lane.deliveries + 1 });
      for (const [n, row] of line.entries()) entries.push(n === 0 ? toEntry(row, lane.deliveries + 1, lane.attempts) : toEntry(row, 1, 0));
    }
    return entries;
  }

  #park(partition: number, { tenant, key, entries, attempts, afterMs, failure }: Parking): void {
    for (const entry of entries) {
      const row = this.#rows.entry(Number(entry));
      if (row?.state === STATE.out) this.#rows.setState(row, STATE.parked);
    }
    const due = afterMs === null ? null : this.#clock.now() + afterMs;
    this.#rows.park({ tenant, key, partition, due_at: due, attempts, deliveries: 0, failure: JSON.stringify(failure) });
  }
}

function laneOf({ tenant, key }: { readonly tenant: string; readonly key: string }): string {
  return `${tenant} ${key}`;
}

/** While a change is under way, also those that are to go. */
function partitionsIn({ epoch, opened, partitions, previous }: LayoutRow): readonly number[] {
  return Array.from({ length: epoch === opened ? partitions : Math.max(partitions, previous) }, (_, partition) => partition);
}
