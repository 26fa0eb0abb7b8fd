import { SignalboxError } from '../../errors.js';
import type { Timer, Timers } from '../../ports/clock.js';
import type { Consumption, TakenWakeUp, WakeUp, WakeUpQueue } from '../../ports/queue.js';
import type { RecordKey } from '../../ports/record.js';
import type { GroupCommit } from './group-commit.js';
import { type Entry, Lane, whoseIs } from './lane.js';
import type { Database, Statement } from './sqlite.js';

/** A wake-up that could not be forgotten because the disk was full is handed out again after this long. */
const UNFORGOTTEN_MS = 1000;
/** Of a consumer's hands, for one user: turns help nobody while every hand waits for a slow provider of one flooder's. */
const ONE_USERS_SHARE = 0.75;

interface Consumer {
  readonly prefetch: number;
  readonly take: (wakeUps: readonly TakenWakeUp[]) => void;
  /** Of the prefetch, for one user. */
  readonly most: number;
  held: number;
  readonly heldBy: Map<string, number>;
}

/**
 * `WakeUpQueue` on the data file. A row says that a wake-up is not settled; who has taken it is known in memory only, so
 * everything that a dead process held waits again when the file is opened. Publishing a record that is waiting already
 * adds nothing. Fair between users: see {@link Lane}.
 */
export class EmbeddedQueue implements WakeUpQueue {
  readonly #group: GroupCommit;
  readonly #timers: Timers;
  readonly #insert: Statement;
  readonly #delete: Statement;
  readonly #urgent: Lane;
  readonly #normal: Lane;
  readonly #taken = new Map<string, Entry>();
  readonly #delays = new Set<Timer>();
  readonly #consumers: Consumer[] = [];
  #nextSeq: number;
  #rows: number;
  #dispatching = false;
  #closed = false;

  constructor(database: Database, group: GroupCommit, timers: Timers) {
    this.#group = group;
    this.#timers = timers;
    this.#insert = database.prepare(
      'INSERT INTO wake_ups (seq, tenant, id, workload, urgent, user_id) VALUES (?,?,?,?,?,?) ON CONFLICT (tenant, id) DO NOTHING',
    );
    this.#delete = database.prepare('DELETE FROM wake_ups WHERE seq = ?');
    const { rows, last } = database.prepare('SELECT count(*) AS rows, coalesce(max(seq), 0) AS last FROM wake_ups').get() as {
      rows: number;
      last: number;
    };
    this.#rows = rows;
    this.#nextSeq = last + 1;
    this.#urgent = new Lane(database, group, 'urgent', rows > 0);
    this.#normal = new Lane(database, group, 'normal', rows > 0);
  }

  async publish(wakeUps: readonly WakeUp[]): Promise<void> {
    const entries = wakeUps.map((wakeUp) => this.#entryOf(wakeUp));
    try {
      await this.#group.write(
        () =>
          entries.map(({ seq, tenant, id, workload, priority, userId }) =>
            this.#insert.run(seq, tenant, id, workload, priority === 'urgent' ? 1 : 0, userId),
          ),
        (results) => {
          for (const [index, entry] of entries.entries()) if (Number(results[index]?.changes) === 1) this.#arrived(entry);
        },
      );
    } catch (error) {
      throw unavailable(error);
    }
  }

  consume(prefetch: number, take: (wakeUps: readonly TakenWakeUp[]) => void): Consumption {
    const consumer: Consumer = { prefetch, take, most: Math.ceil(prefetch * ONE_USERS_SHARE), held: 0, heldBy: new Map() };
    this.#consumers.push(consumer);
    this.#dispatchSoon();
    return {
      stop: async () => {
        const index = this.#consumers.indexOf(consumer);
        if (index >= 0) this.#consumers.splice(index, 1);
      },
    };
  }

  depth(): Promise<{ readonly waiting: number; readonly taken: number }> {
    return this.#group
      .read(() => ({ waiting: this.#rows - this.#taken.size, taken: this.#taken.size }))
      .catch((error: unknown) => Promise.reject(unavailable(error)));
  }

  /** Calls off what is delayed; hands out nothing more. */
  close(): void {
    this.#closed = true;
    this.#consumers.length = 0;
    for (const delay of this.#delays) delay.cancel();
    this.#delays.clear();
  }

  #entryOf({ tenant, id, workload, priority, userId }: WakeUp): Entry {
    // At once, not after the commit: an ack that is decided between the two must know.
    const taken = this.#taken.size === 0 ? undefined : this.#taken.get(nameOf({ tenant, id }));
    if (taken !== undefined) taken.again = true;
    const seq = this.#nextSeq;
    this.#nextSeq += 1;
    return { tenant, id, workload, priority, userId, whose: whoseIs(tenant, userId), seq, redeliveries: 0, again: false };
  }

  #arrived(entry: Entry): void {
    this.#rows += 1;
    this.#laneOf(entry).add(entry);
    this.#dispatchSoon();
  }

  #laneOf(entry: Entry): Lane {
    return entry.priority === 'urgent' ? this.#urgent : this.#normal;
  }

  /** After everything of this turn's commit has arrived, so that consumers get batches. */
  #dispatchSoon(): void {
    if (this.#dispatching || this.#consumers.length === 0) return;
    this.#dispatching = true;
    queueMicrotask(() => {
      this.#dispatching = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    for (let idle = 0; idle < this.#consumers.length; ) {
      const consumer = this.#consumers.shift();
      if (consumer === undefined) return;
      this.#consumers.push(consumer);
      const batch = this.#takeFor(consumer);
      if (batch.length === 0) idle += 1;
      else {
        idle = 0;
        consumer.take(batch);
      }
    }
  }

  #takeFor(consumer: Consumer): TakenWakeUp[] {
    const batch: TakenWakeUp[] = [];
    while (consumer.held < consumer.prefetch) {
      const entry = this.#next(consumer);
      if (entry === undefined) break;
      hold(consumer, entry, 1);
      this.#taken.set(nameOf(entry), entry);
      batch.push(this.#handOut(entry, consumer));
    }
    return batch;
  }

  #next({ heldBy, most }: Consumer): Entry | undefined {
    const may = ({ whose, userId }: Pick<Entry, 'whose' | 'userId'>): boolean => userId === null || (heldBy.get(whose) ?? 0) < most;
    try {
      return this.#urgent.shift(may) ?? this.#normal.shift(may);
    } catch {
      // The file could not be read: whoever owns it has been told, and nothing is handed out any more.
      return undefined;
    }
  }

  #handOut(entry: Entry, consumer: Consumer): TakenWakeUp {
    const { tenant, id, workload, priority, userId, redeliveries } = entry;
    let settled = false;
    const once = (settle: () => Promise<void>): Promise<void> => {
      if (settled) return Promise.resolve();
      settled = true;
      return settle();
    };
    return {
      tenant,
      id,
      workload,
      priority,
      userId,
      redeliveries,
      ack: () => once(() => this.#forget(entry, consumer)),
      // The row is there still, so giving back needs no write.
      release: (delayMs) => once(async () => this.#giveBack(entry, consumer, delayMs)),
    };
  }

  async #forget(entry: Entry, consumer: Consumer): Promise<void> {
    try {
      await this.#group.write(
        () => {
          if (!entry.again) this.#delete.run(entry.seq);
        },
        () => {
          if (entry.again) this.#giveBack(entry, consumer, 0);
          else this.#forgotten(entry, consumer);
        },
      );
    } catch (error) {
      this.#giveBack(entry, consumer, UNFORGOTTEN_MS);
      throw unavailable(error);
    }
  }

  #forgotten(entry: Entry, consumer: Consumer): void {
    this.#rows -= 1;
    this.#taken.delete(nameOf(entry));
    hold(consumer, entry, -1);
    this.#dispatchSoon();
  }

  #giveBack(entry: Entry, consumer: Consumer, delayMs: number): void {
    if (this.#closed) return;
    this.#taken.delete(nameOf(entry));
    hold(consumer, entry, -1);
    // Published again means a first delivery of its own.
    entry.redeliveries = entry.again ? 0 : entry.redeliveries + 1;
    const due = entry.again ? 0 : delayMs;
    entry.again = false;
    if (due <= 0) {
      this.#laneOf(entry).giveBack(entry);
    } else {
      const delay = this.#timers.after(due, () => {
        this.#delays.delete(delay);
        this.#laneOf(entry).giveBack(entry);
        this.#dispatchSoon();
      });
      this.#delays.add(delay);
    }
    this.#dispatchSoon();
  }
}

function hold(consumer: Consumer, { whose }: Entry, more: 1 | -1): void {
  consumer.held += more;
  const own = (consumer.heldBy.get(whose) ?? 0) + more;
  if (own === 0) consumer.heldBy.delete(whose);
  else consumer.heldBy.set(whose, own);
}

function nameOf(key: RecordKey): string {
  return `${key.tenant}\n${key.id}`;
}

function unavailable(error: unknown): SignalboxError {
  return new SignalboxError('queue-unavailable', error instanceof Error ? error.message : String(error), { cause: error });
}
