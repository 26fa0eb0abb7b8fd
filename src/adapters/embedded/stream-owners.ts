import { SignalboxError } from '../../errors.js';
import type { Clock } from '../../ports/clock.js';
import { partitionOf } from '../../ports/partition.js';
import type { Hold, Layout, PartitionLeases, StreamControl, StreamFleet } from '../../ports/stream.js';
import type { GroupCommit } from './group-commit.js';
import { type Database, type Statement, unavailable } from './sqlite.js';
import type { StreamArrivals } from './stream-arrivals.js';
import type { LayoutRow, ParkedRow, StreamRows } from './stream-rows.js';

interface Deps {
  readonly group: GroupCommit;
  readonly clock: Clock;
  readonly rows: StreamRows;
  readonly arrivals: StreamArrivals;
}

/** `PartitionLeases` of a process that has the file for itself: only the fences need to outlive it. */
export class EmbeddedPartitionLeases implements PartitionLeases {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #layout: () => Promise<Layout>;
  readonly #paused: () => Promise<boolean>;
  readonly #fence: Statement;
  readonly #owners = new Map<string, number>();
  readonly #held = new Map<number, Hold & { readonly until: number }>();

  constructor(database: Database, { group, clock }: Deps, control: StreamControl) {
    this.#group = group;
    this.#clock = clock;
    this.#layout = () => control.layout();
    this.#paused = () => control.paused();
    this.#fence = database.prepare(
      `INSERT INTO stream_fences (partition, fence) VALUES (?, 1) ON CONFLICT (partition) DO UPDATE SET fence = fence + 1 RETURNING fence`,
    );
  }

  async beat(owner: string, livesMs: number): Promise<StreamFleet> {
    const now = this.#clock.now();
    this.#owners.set(owner, now + livesMs);
    for (const [name, until] of this.#owners) if (until <= now) this.#owners.delete(name);
    return { owners: [...this.#owners.keys()].sort(), paused: await this.#paused(), layout: await this.#layout() };
  }

  async leave(owner: string): Promise<void> {
    this.#owners.delete(owner);
  }

  async take(partition: number, owner: string, leaseMs: number): Promise<Hold | null> {
    return this.#group.write(() => {
      const held = this.#held.get(partition);
      if (held !== undefined && held.owner !== owner && held.until > this.#clock.now()) return null;
      const { fence } = this.#fence.get(partition) as { readonly fence: number };
      const hold = { partition, owner, fence };
      // At once: others who ask in this same turn must find it. Should the write be undone, its fence is nobody's.
      this.#held.set(partition, { ...hold, until: this.#clock.now() + leaseMs });
      return hold;
    });
  }

  async renew(holds: readonly Hold[], leaseMs: number): Promise<readonly Hold[]> {
    const kept = holds.filter((hold) => this.owns(hold));
    for (const hold of kept) this.#held.set(hold.partition, { ...hold, until: this.#clock.now() + leaseMs });
    return kept;
  }

  async release(hold: Hold): Promise<void> {
    if (this.owns(hold)) this.#held.delete(hold.partition);
  }

  async holders(): Promise<readonly (Hold & { readonly untilMs: number })[]> {
    const now = this.#clock.now();
    const live = [...this.#held.values()].filter(({ until }) => until > now).sort((a, b) => a.partition - b.partition);
    return live.map(({ partition, owner, fence, until }) => ({ partition, owner, fence, untilMs: until - now }));
  }

  /** Nobody has taken it since. */
  owns({ partition, owner, fence }: Hold): boolean {
    const held = this.#held.get(partition);
    return held?.owner === owner && held.fence === fence;
  }
}

/** `StreamControl` on the data file. */
export class EmbeddedStreamControl implements StreamControl {
  readonly #group: GroupCommit;
  readonly #rows: StreamRows;
  readonly #arrivals: StreamArrivals;
  readonly #make: Statement;
  readonly #begin: Statement;
  readonly #opened: Statement;
  readonly #pause: Statement;
  readonly #left: Statement;
  readonly #held: Statement;
  readonly #moveLine: Statement;

  constructor(database: Database, { group, rows, arrivals }: Deps) {
    this.#group = group;
    this.#rows = rows;
    this.#arrivals = arrivals;
    this.#make = database.prepare(
      'INSERT OR IGNORE INTO stream_layout (one, epoch, partitions, previous, opened) VALUES (1, 1, ?1, ?1, 1)',
    );
    this.#begin = database.prepare('UPDATE stream_layout SET epoch = epoch + 1, previous = partitions, partitions = ?');
    this.#opened = database.prepare('UPDATE stream_layout SET opened = epoch');
    this.#pause = database.prepare('UPDATE stream_layout SET paused = ?');
    this.#left = database.prepare(
      `SELECT partition, count(*) AS entries FROM (
        SELECT partition FROM stream_entries WHERE state < 2 AND epoch <= ?
        UNION ALL SELECT p.partition FROM stream_parked p JOIN stream_entries e ON e.state = 3 AND e.tenant = p.tenant AND e.key = p.key
          WHERE p.due_at IS NOT NULL
      ) GROUP BY partition ORDER BY partition`,
    );
    this.#held = database.prepare('SELECT * FROM stream_parked WHERE due_at IS NULL');
    this.#moveLine = database.prepare('UPDATE stream_entries SET partition = ? WHERE state = 3 AND tenant = ? AND key = ?');
  }

  prepare(partitions: number): Promise<Layout> {
    return this.#group.write(() => {
      this.#make.run(partitions);
      return this.#look(this.#known());
    });
  }

  async layout(): Promise<Layout> {
    const known = await this.#group.read(() => this.#known());
    if (known.epoch === known.opened) return { epoch: known.epoch, partitions: known.partitions, moving: null };
    return this.#advance();
  }

  async repartition(partitions: number): Promise<Layout> {
    await this.#group.write(() => {
      const known = this.#known();
      if (known.epoch !== known.opened) throw new SignalboxError('conflict', 'The number of partitions is being changed already.');
      if (known.partitions !== partitions) this.#begin.run(partitions);
    });
    return this.layout();
  }

  async pause(paused: boolean): Promise<void> {
    await this.#group.write(() => this.#pause.run(paused ? 1 : 0));
  }

  paused(): Promise<boolean> {
    return this.#group.read(() => this.#known().paused === 1);
  }

  /** Opens the new epoch when nothing is left of the old one. */
  #advance(): Promise<Layout> {
    return this.#group.write(
      () => {
        const layout = this.#look(this.#known());
        if (layout.moving === null || layout.moving.left.length > 0) return layout;
        for (const held of this.#held.all() as ParkedRow[]) {
          const partition = partitionOf(held.key, layout.partitions);
          this.#rows.park({ ...held, partition });
          this.#moveLine.run(partition, held.tenant, held.key);
        }
        this.#opened.run();
        return { ...layout, moving: null };
      },
      ({ moving }) => {
        if (moving === null) this.#arrivals.everywhere();
      },
    );
  }

  #known(): LayoutRow {
    const layout = this.#rows.layout();
    if (layout === null) throw unavailable('The stream has not been made yet.');
    return layout;
  }

  #look({ epoch, partitions, previous, opened }: LayoutRow): Layout {
    if (epoch === opened) return { epoch, partitions, moving: null };
    const left = this.#left.all(opened) as { readonly partition: number; readonly entries: number }[];
    return { epoch, partitions, moving: { from: previous, left: left.map((one) => ({ ...one })) } };
  }
}
