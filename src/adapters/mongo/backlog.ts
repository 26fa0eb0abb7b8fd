import type { Clock, Timers } from '../../ports/clock.js';
import type { Backlog, DeliveryCounts } from '../../ports/reader.js';
import type { DeliveryStatus } from '../../ports/record.js';
import { type Commands, commandsOn } from './collection.js';
import { DESK, type Stage } from './desk-rows.js';
import { unavailable } from './errors.js';
import { RESTED } from './indexes.js';
import { NOTIFICATIONS, type NotificationDocument } from './model.js';
import { NOW } from './now.js';
import { PacedCount } from './paced-count.js';
import type { DatabaseConnectionPool } from './pool.js';

/** Records at rest that one command counts. */
const SLICE = 20_000;

interface Half {
  readonly open: number;
  readonly dueAt: number;
  readonly now: number;
}

interface Counted {
  readonly _id: DeliveryStatus;
  readonly count: number;
}

/** Counts what there is, so that nothing has to be kept in step: each part as often as it is cheap. */
export class MongoBacklog {
  readonly #run: Commands<NotificationDocument>;
  readonly #open: PacedCount<Backlog>;
  /** Of records that are open, that have something on the desk, and of all others: no record is in two of them. */
  readonly #deliveries: readonly PacedCount<DeliveryCounts>[];

  constructor(pool: DatabaseConnectionPool, clock: Clock, timers: Timers) {
    this.#run = commandsOn(pool, NOTIFICATIONS);
    this.#open = new PacedCount(
      clock,
      timers,
      () => this.#countOpen(),
      ({ open }) => open,
    );
    const parts = [() => this.#countHalves(), () => this.#count(ON_THE_DESK), () => this.#countRested()];
    this.#deliveries = parts.map((count) => new PacedCount(clock, timers, count, sizeOf));
  }

  async read(): Promise<Backlog> {
    const open = await this.#open.read();
    if (open === null) throw unavailable('The backlog is still being counted.');
    return open;
  }

  async deliveryCounts(): Promise<DeliveryCounts> {
    return sum(await Promise.all(this.#deliveries.map((part) => part.read())));
  }

  async #countOpen(): Promise<Backlog> {
    const halves = await Promise.all(
      HALVES.map(({ match, hint }) => this.#run((records) => records.aggregate<Half>(openIn(match), { hint }).toArray())),
    );
    const both = halves.flat();
    const overdue = both.map(({ now, dueAt }) => now - dueAt);
    return { open: both.reduce((total, { open }) => total + open, 0), oldestDueMs: Math.max(0, ...overdue) };
  }

  async #countHalves(): Promise<DeliveryCounts> {
    return sum(await Promise.all(HALVES.map((half) => this.#count(half))));
  }

  /** In slices, in the order of their last write: none takes longer than a command may. */
  async #countRested(): Promise<DeliveryCounts> {
    const parts: DeliveryCounts[] = [];
    for (let from: number | null = 0; from !== null; ) {
      const after: number = from;
      const end = await this.#run((records) =>
        records.findOne(rested({ $gt: after }), { sort: { updatedAt: 1 }, skip: SLICE - 1, projection: { updatedAt: 1 }, hint: 'rested' }),
      );
      const slice = end === null ? { $gt: after } : { $gt: after, $lte: end.updatedAt };
      parts.push(await this.#count({ match: rested(slice), hint: 'rested' }));
      from = end === null ? null : end.updatedAt;
    }
    return sum(parts);
  }

  async #count({ match, hint }: Part): Promise<DeliveryCounts> {
    const rows = await this.#run((records) => records.aggregate<Counted>(statusesOf(match), { hint }).toArray());
    return Object.fromEntries(rows.map(({ _id, count }) => [_id, count]));
  }
}

export interface Part {
  readonly match: Stage;
  readonly hint: string;
}

/** Each half of the open records has an index of its own. */
export const HALVES: readonly Part[] = (['pending', 'published'] as const).map((publish) => ({
  match: { publish, dueAt: { $gt: 0 } },
  hint: publish,
}));

export const ON_THE_DESK: Part = { match: { 'desk.status': { $exists: true }, dueAt: null }, hint: DESK.newest };

/** At rest, and nobody has to look after it. */
export function rested(updatedAt: Stage): Stage {
  return { status: { $in: RESTED }, updatedAt, dueAt: null, 'desk.status': { $exists: false } };
}

export function openIn(match: Stage): Stage[] {
  return [{ $match: match }, { $group: { _id: null, open: { $sum: 1 }, dueAt: { $min: '$dueAt' } } }, { $set: { now: NOW } }];
}

/** Records with the same statuses are counted together first: most have one delivery. */
export function statusesOf(match: Stage): Stage[] {
  return [
    { $match: match },
    { $group: { _id: '$deliveries.status', count: { $sum: 1 } } },
    { $unwind: '$_id' },
    { $group: { _id: '$_id', count: { $sum: '$count' } } },
  ];
}

function sizeOf(counts: DeliveryCounts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

function sum(parts: readonly (DeliveryCounts | null)[]): DeliveryCounts {
  const total: Partial<Record<DeliveryStatus, number>> = {};
  for (const part of parts) {
    for (const [status, count] of Object.entries(part ?? {}) as [DeliveryStatus, number][]) total[status] = (total[status] ?? 0) + count;
  }
  return total;
}
