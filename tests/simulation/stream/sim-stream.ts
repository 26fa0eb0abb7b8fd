import { SignalboxError } from '../../../src/errors.js';
import { orderText, partitionOf } from '../../../src/ports/partition.js';
import type {
  Appended,
  Batch,
  Hold,
  Layout,
  Parking,
  PartitionDepth,
  Settlement,
  StreamDraft,
  StreamEntry,
  StreamFleet,
  StreamKey,
} from '../../../src/ports/stream.js';
import { handed, laneOf, type SimEntry, type SimParked } from './entries.js';

interface Lease {
  owner: string;
  fence: number;
  until: number;
  batch: number;
  /** Keys that this batch has parked. */
  parked: Set<string>;
}

/** What the simulated server knows. Everything is durable and happens at once; what goes wrong goes wrong on the way to it. */
export class SimStream {
  readonly entries: SimEntry[] = [];
  readonly parked = new Map<string, SimParked>();
  readonly leases = new Map<number, Lease>();
  readonly owners = new Map<string, number>();
  readonly ids = new Map<string, { readonly fingerprint: string; readonly result: Omit<Appended, 'outcome'> }>();
  layout = { epoch: 0, partitions: 0, from: 0, opened: 0 };
  paused = false;
  trimmed = 0;
  private seq = 0;

  constructor(readonly now: () => number) {}

  append(drafts: readonly StreamDraft[]): readonly Appended[] {
    return drafts.map((draft) => {
      const known = this.ids.get(draft.id);
      if (known !== undefined) return { outcome: known.fingerprint === draft.fingerprint ? 'repeat' : 'conflict', ...known.result };
      const { partition, order, appendedAt } = this.add(draft, null);
      this.ids.set(draft.id, { fingerprint: draft.fingerprint, result: { partition, order, appendedAt } });
      return { outcome: 'created', partition, order, appendedAt };
    });
  }

  /** @param order its own, where it comes back from the dead */
  add(draft: StreamDraft, order: string | null): SimEntry {
    const { epoch, partitions } = this.made();
    this.seq += 1;
    const { seq } = this;
    const parked = this.parked.get(laneOf(draft));
    const partition = parked?.partition ?? partitionOf(draft.key, partitions);
    const entry: SimEntry = {
      draft,
      seq,
      partition: order === null ? partitionOf(draft.key, partitions) : partition,
      epoch,
      order: order ?? orderText(epoch, seq),
      appendedAt: this.now(),
      state: order !== null && parked !== undefined ? 'parked' : 'fresh',
      deliveries: 0,
      redriven: order !== null,
    };
    this.entries.push(entry);
    return entry;
  }

  owns({ partition, owner, fence }: Hold): boolean {
    const lease = this.leases.get(partition);
    return lease?.owner === owner && lease.fence === fence;
  }

  read(hold: Hold, limit: number): Batch | 'stale' {
    if (!this.owns(hold)) return 'stale';
    const { partition } = hold;
    const again = this.give(this.open(partition, 'out').slice(0, limit));
    const due = again.rows > 0 ? [] : this.giveDue(partition, limit);
    const onlyNew = again.rows === 0 && due.length === 0;
    const fresh = this.give(onlyNew ? this.open(partition, 'fresh').slice(0, limit) : []);
    const entries = [...again.entries, ...due, ...fresh.entries];
    const more = !onlyNew || fresh.entries.length < fresh.rows || fresh.rows === limit;
    const lease = this.leases.get(partition);
    if (lease !== undefined && entries.length > 0) Object.assign(lease, { batch: lease.batch + 1, parked: new Set() });
    return { number: lease?.batch ?? 0, entries, more, nextInMs: this.nextInMs(partition) };
  }

  settle(hold: Hold, { batch, done, parked }: Settlement): 'applied' | 'stale' {
    if (!this.owns(hold)) return 'stale';
    if (this.leases.get(hold.partition)?.batch !== batch) return 'applied';
    const touched = new Set<string>();
    for (const name of done) {
      const entry = this.entry(name);
      // Settled by this same settlement before, and trimmed since.
      if (entry === undefined) continue;
      if (entry.state === 'parked') touched.add(laneOf(entry.draft));
      entry.state = 'settled';
    }
    for (const parking of parked) {
      // A repeat must not undo what people or time have done to it since.
      const by = this.leases.get(hold.partition)?.parked;
      if (by?.has(laneOf(parking)) === true) continue;
      by?.add(laneOf(parking));
      this.park(hold.partition, parking);
      touched.delete(laneOf(parking));
    }
    for (const lane of touched) {
      const one = this.parked.get(lane);
      if (one !== undefined && one.dueAt !== null) this.goOn(one);
    }
    return 'applied';
  }

  spare(hold: Hold, names: readonly string[]): 'applied' | 'stale' {
    if (!this.owns(hold)) return 'stale';
    for (const entry of names.map((name) => this.entry(name))) {
      const counted = entry?.state === 'parked' ? this.parked.get(laneOf(entry.draft)) : entry;
      if (counted !== undefined) counted.deliveries = 1;
    }
    return 'applied';
  }

  entry(name: string): SimEntry | undefined {
    return this.entries.find(({ seq }) => seq === Number(name));
  }

  waits(key: StreamKey): boolean {
    const lane = laneOf(key);
    return this.parked.has(lane) || this.entries.some((entry) => entry.state !== 'settled' && laneOf(entry.draft) === lane);
  }

  /** Settled entries that are kept no longer are marked, since the referee still wants to see them. */
  trim(keep: number): number {
    let removed = 0;
    for (const partition of this.inUse()) {
      const settled = this.entries.filter((entry) => entry.partition === partition && entry.state === 'settled');
      removed += Math.max(0, settled.length - keep);
      for (const entry of settled.slice(0, Math.max(0, settled.length - keep))) this.entries.splice(this.entries.indexOf(entry), 1);
    }
    this.trimmed += removed;
    return removed;
  }

  depth(): readonly PartitionDepth[] {
    return this.inUse().map((partition) => {
      const here = this.entries.filter((entry) => entry.partition === partition);
      const count = (state: SimEntry['state']): number => here.filter((entry) => entry.state === state).length;
      const oldest = here.find(({ state }) => state === 'fresh' || state === 'out');
      return {
        partition,
        length: here.length - count('parked'),
        lag: count('fresh'),
        pending: count('out'),
        parked: count('parked'),
        oldestMs: oldest === undefined ? 0 : this.now() - oldest.appendedAt,
      };
    });
  }

  beat(owner: string, livesMs: number): StreamFleet {
    const now = this.now();
    this.owners.set(owner, now + livesMs);
    for (const [name, until] of this.owners) if (until <= now) this.owners.delete(name);
    return { owners: [...this.owners.keys()].sort(), paused: this.paused, layout: this.advance() };
  }

  take(partition: number, owner: string, leaseMs: number): Hold | null {
    const held = this.leases.get(partition);
    if (held !== undefined && held.owner !== '' && held.owner !== owner && held.until > this.now()) return null;
    const fence = (held?.fence ?? 0) + 1;
    this.leases.set(partition, { owner, fence, until: this.now() + leaseMs, batch: held?.batch ?? 0, parked: new Set() });
    return { partition, owner, fence };
  }

  renew(holds: readonly Hold[], leaseMs: number): readonly Hold[] {
    const kept = holds.filter((hold) => this.owns(hold));
    for (const { partition } of kept) Object.assign(this.leases.get(partition) ?? {}, { until: this.now() + leaseMs });
    return kept;
  }

  release(hold: Hold): void {
    if (this.owns(hold)) Object.assign(this.leases.get(hold.partition) ?? {}, { owner: '', until: 0 });
  }

  prepare(partitions: number): Layout {
    if (this.layout.epoch === 0) this.layout = { epoch: 1, partitions, from: partitions, opened: 1 };
    return this.advance();
  }

  repartition(partitions: number): Layout {
    const { epoch, opened, partitions: from } = this.made();
    if (epoch !== opened) throw new SignalboxError('conflict', 'The number of partitions is being changed already.');
    if (partitions !== from) this.layout = { epoch: epoch + 1, partitions, from, opened };
    return this.advance();
  }

  /** Opens the new epoch when nothing is left of the old one. */
  advance(): Layout {
    const { epoch, partitions, from, opened } = this.made();
    if (epoch === opened) return { epoch, partitions, moving: null };
    const left = this.left();
    if (left.length > 0) return { epoch, partitions, moving: { from, left } };
    for (const parked of this.parked.values()) {
      parked.partition = partitionOf(parked.key, partitions);
      for (const entry of this.line(laneOf(parked))) entry.partition = parked.partition;
    }
    this.layout.opened = epoch;
    return { epoch, partitions, moving: null };
  }

  /** A held key goes on. */
  letGo(key: StreamKey): boolean {
    const parked = this.parked.get(laneOf(key));
    if (parked === undefined || parked.dueAt !== null) return false;
    this.goOn(parked);
    return true;
  }

  line(lane: string): SimEntry[] {
    const line = this.entries.filter((entry) => entry.state === 'parked' && laneOf(entry.draft) === lane);
    return line.sort((a, b) => (a.order < b.order ? -1 : 1));
  }

  private made(): SimStream['layout'] {
    if (this.layout.epoch === 0) throw new SignalboxError('store-unavailable', 'The stream has not been made yet.');
    return this.layout;
  }

  private inUse(): number[] {
    const { epoch, opened, partitions, from } = this.made();
    return Array.from({ length: epoch === opened ? partitions : Math.max(partitions, from) }, (_, partition) => partition);
  }

  private left(): { partition: number; entries: number }[] {
    const counts = new Map<number, number>();
    for (const { draft, partition, state, epoch } of this.entries) {
      const held = state === 'parked' && this.parked.get(laneOf(draft))?.dueAt === null;
      if (state === 'settled' || epoch > this.layout.opened || held) continue;
      counts.set(partition, (counts.get(partition) ?? 0) + 1);
    }
    return [...counts].map(([partition, entries]) => ({ partition, entries })).sort((a, b) => a.partition - b.partition);
  }

  private open(partition: number, state: SimEntry['state']): SimEntry[] {
    const { opened } = this.layout;
    return this.entries.filter((entry) => entry.partition === partition && entry.state === state && entry.epoch <= opened);
  }

  private give(rows: readonly SimEntry[]): { readonly entries: StreamEntry[]; readonly rows: number } {
    const entries: StreamEntry[] = [];
    for (const row of rows) {
      if (this.parked.has(laneOf(row.draft))) row.state = 'parked';
      else {
        row.state = 'out';
        row.deliveries += 1;
        entries.push(handed(row, row.deliveries, 0));
      }
    }
    return { entries, rows: rows.length };
  }

  private giveDue(partition: number, limit: number): StreamEntry[] {
    const entries: StreamEntry[] = [];
    const due = [...this.parked.values()].filter((one) => one.partition === partition && one.dueAt !== null && one.dueAt <= this.now());
    for (const one of due) {
      const room = limit - entries.length;
      if (room <= 0) break;
      const line = this.line(laneOf(one)).slice(0, room);
      if (line.length === 0) this.parked.delete(laneOf(one));
      one.deliveries += 1;
      for (const [n, row] of line.entries()) entries.push(n === 0 ? handed(row, one.deliveries, one.attempts) : handed(row, 1, 0));
    }
    return entries;
  }

  private nextInMs(partition: number): number | null {
    const waits = [...this.parked.values()].flatMap((one) =>
      one.partition === partition && one.dueAt !== null && one.dueAt > this.now() ? [one.dueAt - this.now()] : [],
    );
    return waits.length === 0 ? null : Math.min(...waits);
  }

  private park(partition: number, { tenant, key, entries, attempts, afterMs, failure }: Parking): void {
    for (const name of entries) {
      const entry = this.entry(name);
      if (entry?.state === 'out') entry.state = 'parked';
    }
    const dueAt = afterMs === null ? null : this.now() + afterMs;
    this.parked.set(laneOf({ tenant, key }), { tenant, key, partition, dueAt, attempts, deliveries: 0, failure });
  }

  private goOn(parked: SimParked): void {
    if (this.line(laneOf(parked)).length === 0) this.parked.delete(laneOf(parked));
    else Object.assign(parked, { dueAt: this.now(), attempts: 0, deliveries: 0 });
  }
}
