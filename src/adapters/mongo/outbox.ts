import type { DueScan, Outbox, PendingWakeUp } from '../../ports/outbox.js';
import { NEXT_VERSION } from './change-update.js';
import { Gather } from './gather.js';
import { documentId, type Notifications } from './model.js';
import { NOW } from './now.js';
import type { ServerClock } from './server-clock.js';

/** Marks of one command. */
const BATCH = 1000;

const WAKE_UP_FIELDS = { _id: 0, tenant: 1, id: 1, workload: 1, priority: 1, userId: 1, version: 1, dueAt: 1 } as const;

type DueDocument = PendingWakeUp & { readonly dueAt: number };
type Filter = Readonly<Record<string, unknown>>;
type Sort = Readonly<Record<string, 1 | -1>>;

/** `Outbox` on MongoDB: what is due stands in partial indexes that hold only what is open. */
export class MongoOutbox implements Outbox {
  readonly #run: Notifications;
  readonly #clock: ServerClock;
  readonly #marks: Gather<PendingWakeUp, true>;

  constructor(run: Notifications, clock: ServerClock) {
    this.#run = run;
    this.#clock = clock;
    this.#marks = new Gather(BATCH, (wakeUps) => this.#mark(wakeUps));
  }

  async due(limit: number, republishAfterMs: number): Promise<DueScan> {
    const now = await this.#clock.read();
    // One more than asked for tells whether the limit cut something off.
    const rows: DueDocument[] = [];
    for (const { filter, sort } of dueQueries(now, republishAfterMs)) {
      rows.push(...(await this.#find<DueDocument>(filter, sort, limit + 1, WAKE_UP_FIELDS)));
    }
    rows.sort((a, b) => urgency(b) - urgency(a) || a.dueAt - b.dueAt);
    const wakeUps = rows.slice(0, limit).map(({ dueAt: _dueAt, ...wakeUp }) => wakeUp);
    if (rows.length > limit) return { wakeUps, nextInMs: 0 };
    return { wakeUps, nextInMs: await this.#nextInMs(now, republishAfterMs, wakeUps.length > 0) };
  }

  async published(wakeUps: readonly PendingWakeUp[]): Promise<void> {
    await Promise.all(wakeUps.map((wakeUp) => this.#marks.add(wakeUp)));
  }

  /** Most are marked right after they were accepted and share a version: one update then marks them all. */
  async #mark(wakeUps: readonly PendingWakeUp[]): Promise<readonly true[]> {
    const byVersion = new Map<number, string[]>();
    for (const wakeUp of wakeUps) {
      const ids = byVersion.get(wakeUp.version) ?? [];
      ids.push(documentId(wakeUp));
      byVersion.set(wakeUp.version, ids);
    }
    const update = [{ $set: { publish: 'published', publishedAt: NOW, version: NEXT_VERSION } }];
    const operations = [...byVersion].map(([version, ids]) => ({ updateMany: { filter: { _id: { $in: ids }, version }, update } }));
    await this.#run((notifications) => notifications.bulkWrite(operations, { ordered: false }));
    return wakeUps.map(() => true);
  }

  async #nextInMs(now: number, republishAfterMs: number, given: boolean): Promise<number | null> {
    let next = given ? now + republishAfterMs : Number.POSITIVE_INFINITY;
    for (const { filter, field, addMs } of nextQueries(now, republishAfterMs)) {
      const [first] = await this.#find<Record<string, number>>(filter, { [field]: 1 }, 1, { _id: 0, [field]: 1 });
      const at = first?.[field];
      if (at !== undefined) next = Math.min(next, at + addMs);
    }
    return next === Number.POSITIVE_INFINITY ? null : Math.max(0, next - now);
  }

  #find<Row extends object>(filter: Filter, sort: Sort, limit: number, projection: Readonly<Record<string, 0 | 1>>): Promise<Row[]> {
    return this.#run((notifications) =>
      notifications.find<Row>(filter, { sort: { ...sort }, limit, projection, batchSize: limit + 1 }).toArray(),
    );
  }
}

function urgency({ priority }: PendingWakeUp): number {
  return priority === 'urgent' ? 1 : 0;
}

const PRIORITIES = ['urgent', 'normal'] as const;

/** Pending and due, one query per priority, in the order of their index; then those whose wake-up may be lost. */
export function dueQueries(now: number, republishAfterMs: number): readonly { readonly filter: Filter; readonly sort: Sort }[] {
  const due = { dueAt: { $gt: 0, $lte: now }, $or: [{ lockedUntil: null }, { lockedUntil: { $lte: now } }] };
  return [
    ...PRIORITIES.map((priority) => ({ filter: { publish: 'pending', priority, ...due }, sort: { dueAt: 1 } as const })),
    { filter: { publish: 'published', publishedAt: { $gt: 0, $lte: now - republishAfterMs }, ...due }, sort: { priority: -1, dueAt: 1 } },
  ];
}

/** The next due time, the next end of a lease on what is due, and the oldest publication that is not to be repeated yet. */
export function nextQueries(
  now: number,
  republishAfterMs: number,
): readonly { readonly filter: Filter; readonly field: string; readonly addMs: number }[] {
  return [
    ...PRIORITIES.flatMap((priority) => [
      { filter: { publish: 'pending', priority, dueAt: { $gt: now } }, field: 'dueAt', addMs: 0 },
      {
        filter: { publish: 'pending', priority, dueAt: { $gt: 0, $lte: now }, lockedUntil: { $gt: now } },
        field: 'lockedUntil',
        addMs: 0,
      },
    ]),
    {
      filter: { publish: 'published', dueAt: { $gt: 0 }, publishedAt: { $gt: Math.max(0, now - republishAfterMs) } },
      field: 'publishedAt',
      addMs: republishAfterMs,
    },
  ];
}
