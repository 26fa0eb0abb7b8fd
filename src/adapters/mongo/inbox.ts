import type { mongo } from 'mongoose';
import type { InboxDraft, InboxItem, InboxKey, InboxQuery, InboxSelection, InboxStore } from '../../ports/inbox.js';
import { type Commands, commandsOn } from './collection.js';
import { isDuplicate, unavailable } from './errors.js';
import { NOW } from './now.js';
import type { DatabaseConnectionPool } from './pool.js';
import type { ServerClock } from './server-clock.js';

/** Others may take the next number first, each of them once at a time: more than there are processes. */
const ATTEMPTS = 100;
/** Reads again while there is a gap. */
const READS = 3;

/** What never changes about an item; one JSON text. */
type Contents = Pick<InboxDraft, 'notificationId' | 'category' | 'subject' | 'body' | 'data'>;

/**
 * Collection `inbox`. Of an item that is too old to be kept, its number and its name stay for a while: a process that
 * was stopped between asking for the next number and using it must find it taken.
 */
export interface ItemDocument {
  /** Tenant and operation id, a line each. */
  readonly _id: string;
  readonly tenant: string;
  readonly userId: string;
  readonly operationId: string;
  readonly seq: number;
  readonly createdAt: number;
  readonly readAt: number | null;
  /** Left out when it is kept no more. */
  readonly live?: true;
  /** Left out when it was read, or is kept no more. */
  readonly unread?: true;
  /** {@link Contents}; left out when it is kept no more. */
  readonly item?: string;
  /** When it was dropped; the server removes what is left of it a day later. */
  readonly goneAt?: Date;
}

/**
 * `InboxStore` on MongoDB. A number is taken by inserting the item under the one after the newest: the unique index lets
 * one of many have it, and nobody can have the next before it is there. So there are never gaps for a reader to miss.
 */
export class MongoInbox implements InboxStore {
  readonly #run: Commands<ItemDocument>;
  readonly #clock: ServerClock;
  readonly #keep: number;
  /** Puts of one inbox go one after the other here, so that only other processes are in the way. */
  readonly #lanes = new Map<string, Promise<unknown>>();

  constructor(pool: DatabaseConnectionPool, clock: ServerClock, keep: number) {
    this.#run = commandsOn(pool, 'inbox');
    this.#clock = clock;
    this.#keep = keep;
  }

  put(draft: InboxDraft): Promise<InboxItem> {
    const lane = `${draft.tenant}\n${draft.userId}`;
    const turn = (): Promise<InboxItem> => this.#put(draft);
    const mine = (this.#lanes.get(lane) ?? Promise.resolve()).then(turn, turn);
    this.#lanes.set(lane, mine);
    const leave = (): void => {
      if (this.#lanes.get(lane) === mine) this.#lanes.delete(lane);
    };
    mine.then(leave, leave);
    return mine;
  }

  async list(query: InboxQuery): Promise<readonly InboxItem[]> {
    return (await this.#run((inbox) => listIn(inbox, query).toArray())).map(toItem);
  }

  async after(key: InboxKey, seq: number, limit: number): Promise<readonly InboxItem[]> {
    for (let read = 1; ; read += 1) {
      const documents = await this.#run((inbox) => afterIn(inbox, key, seq, limit).toArray());
      // A long read need not see all at one moment: something put before what it saw may be missing, but not for long.
      const gap = documents.findIndex((document, n) => n > 0 && document.seq !== (documents[n - 1]?.seq ?? 0) + 1);
      if (gap === -1) return documents.map(toItem);
      if (read === READS) return documents.slice(0, gap).map(toItem);
    }
  }

  unread(key: InboxKey): Promise<number> {
    return this.#run(async (inbox) => (await unreadIn(inbox, key).next())?.count ?? 0);
  }

  async mark(key: InboxKey, selection: InboxSelection, read: boolean): Promise<number> {
    const seq = 'upTo' in selection ? { $lte: selection.upTo } : { $in: [...selection.seqs] };
    const { modifiedCount } = await this.#run((inbox) =>
      read
        ? inbox.updateMany({ ...unreadOf(key), seq }, [{ $set: { readAt: NOW } }, { $unset: ['unread'] }])
        : inbox.updateMany({ ...liveOf(key), seq, readAt: { $ne: null } }, { $set: { readAt: null, unread: true } }),
    );
    return modifiedCount;
  }

  async #put(draft: InboxDraft): Promise<InboxItem> {
    const { tenant, userId, operationId } = draft;
    const _id = `${tenant}\n${operationId}`;
    const item = JSON.stringify(contentsOf(draft));
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const { seq, createdAt } = await this.#next(draft);
      const document: ItemDocument = {
        ...{ _id, tenant, userId, operationId, seq, createdAt },
        ...{ readAt: null, live: true, unread: true, item },
      };
      try {
        await this.#run((inbox) => inbox.insertOne(document));
        await this.#prune(draft, seq - this.#keep);
        return toItem(document);
      } catch (error) {
        if (!isDuplicate(error)) throw error;
      }
      const known = await this.#run((inbox) => inbox.findOne({ _id }));
      // Of one that is kept no more only this is left; the caller has the rest.
      if (known !== null) return toItem({ item, ...known });
    }
    throw unavailable(`An inbox is written to by too many at once: no number was free in ${ATTEMPTS} attempts.`);
  }

  async #next(key: InboxKey): Promise<{ seq: number; createdAt: number }> {
    const [newest] = await this.#run((inbox) => newestIn(inbox, key).toArray());
    if (newest !== undefined) return { seq: newest.seq + 1, createdAt: newest.now };
    return { seq: 1, createdAt: await this.#clock.read() };
  }

  async #prune(key: InboxKey, upTo: number): Promise<void> {
    if (upTo < 1) return;
    const drop = [{ $set: { goneAt: '$$NOW' } }, { $unset: ['live', 'unread', 'item'] }];
    await this.#run((inbox) => inbox.updateMany({ ...liveOf(key), seq: { $lte: upTo } }, drop));
  }
}

/** Names of the indexes that the reads are told to use, since a server may think all of one person's alike. */
const INBOX = { numbers: 'inbox_numbers', live: 'inbox_live', unread: 'inbox_unread' } as const;

/** The reads, for the test of their indexes as well. */
export function listIn(inbox: mongo.Collection<ItemDocument>, query: InboxQuery): mongo.FindCursor<ItemDocument> {
  const { unreadOnly, before, limit } = query;
  const which = unreadOnly === true ? unreadOf(query) : liveOf(query);
  return inbox
    .find(before === undefined ? which : { ...which, seq: { $lt: before } }, { hint: unreadOnly === true ? INBOX.unread : INBOX.live })
    .sort({ seq: -1 })
    .limit(limit);
}

export function afterIn(inbox: mongo.Collection<ItemDocument>, key: InboxKey, seq: number, limit: number): mongo.FindCursor<ItemDocument> {
  return inbox
    .find({ ...liveOf(key), seq: { $gt: seq } }, { hint: INBOX.live })
    .sort({ seq: 1 })
    .limit(limit);
}

export function unreadIn(inbox: mongo.Collection<ItemDocument>, key: InboxKey): mongo.AggregationCursor<{ count: number }> {
  return inbox.aggregate<{ count: number }>([{ $match: unreadOf(key) }, { $count: 'count' }], { hint: INBOX.unread });
}

/** What is kept no more counts: its number is used. */
export function newestIn(
  inbox: mongo.Collection<ItemDocument>,
  { tenant, userId }: InboxKey,
): mongo.AggregationCursor<{ seq: number; now: number }> {
  const newest = [{ $match: { tenant, userId } }, { $sort: { seq: -1 } }, { $limit: 1 }, { $project: { seq: 1, now: NOW } }];
  return inbox.aggregate<{ seq: number; now: number }>(newest, { hint: INBOX.numbers });
}

function liveOf({ tenant, userId }: InboxKey) {
  return { tenant, userId, live: true } as const;
}

function unreadOf({ tenant, userId }: InboxKey) {
  return { tenant, userId, unread: true } as const;
}

function contentsOf({ notificationId, category, subject, body, data }: InboxDraft): Contents {
  return { notificationId, category, subject, body, data };
}

function toItem({ tenant, userId, operationId, item, seq, createdAt, readAt }: ItemDocument): InboxItem {
  return { tenant, userId, operationId, ...(JSON.parse(item ?? 'null') as Contents), seq, createdAt, readAt };
}
