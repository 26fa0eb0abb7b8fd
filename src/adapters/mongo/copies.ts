import type { mongo } from 'mongoose';
import type { Clock, Timers } from '../../ports/clock.js';
import { type Census, type CopyRow, type CopySet, copySetOf, type MessageCopies } from '../../ports/copies.js';
import { type Commands, commandsOn } from './collection.js';
import type { MessageDocument, ReceiptDocument } from './messages.js';
import { MESSAGES, RECEIPTS } from './model.js';
import { DatabaseConnectionPool } from './pool.js';
import { indexesOf } from './steps.js';

/** Without an index the server sorts every row before it gives out the first. */
const COMMAND_MS = 30 * 60_000;
/** Rows that are fetched, and held, at a time. */
const PAGE = 2000;
/** `''` is no key, and null and what is missing are no strings. */
const WITH_KEY = { idempotencyKey: { $gt: '' } };

type Row = Pick<MessageDocument, '_id' | 'idempotencyKey' | 'acceptedAt' | 'persistedAt' | 'order'>;

export interface MongoCopiesOptions {
  /** With credentials. */
  readonly uri: string;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** `MessageCopies` on MongoDB, whether or not it has its indexes: no server of ours opens one that lacks them. */
export class MongoCopies implements MessageCopies {
  readonly #pool: DatabaseConnectionPool;
  readonly #messages: Commands<MessageDocument>;
  readonly #receipts: Commands<ReceiptDocument>;

  /** Rejects with `store-unavailable` when no server answers. */
  static async open(options: MongoCopiesOptions): Promise<MongoCopies> {
    const own = { appName: 'dedupe', budget: 3, processes: 1, answerMs: COMMAND_MS, onConnection: () => {} };
    return new MongoCopies(await DatabaseConnectionPool.open({ ...options, ...own }));
  }

  private constructor(pool: DatabaseConnectionPool) {
    this.#pool = pool;
    this.#messages = commandsOn(pool, MESSAGES);
    this.#receipts = commandsOn(pool, RECEIPTS);
  }

  async census(): Promise<Census> {
    const messages = await this.#messages((rows) => rows.countDocuments({}));
    const withKey = await this.#messages((rows) => rows.countDocuments(WITH_KEY));
    const indexes = await this.#pool.run((database) => indexesOf(database, MESSAGES));
    const guarded = indexes.some(
      ({ key, unique, partialFilterExpression: part }) =>
        unique === true && part === undefined && Object.keys(key).join() === 'idempotencyKey',
    );
    return { messages, withoutKey: messages - withKey, guarded };
  }

  async *sets(seen: (rows: number) => void = () => {}): AsyncGenerator<CopySet> {
    let copies: CopyRow[] = [];
    for await (const page of this.#pages()) {
      for (const { _id: id, ...row } of page) {
        if (copies[0] !== undefined && copies[0].idempotencyKey !== row.idempotencyKey) {
          const set = copySetOf(copies);
          copies = [];
          if (set !== null) yield set;
        }
        copies.push({ id, ...row });
      }
      seen(page.length);
    }
    const last = copySetOf(copies);
    if (last !== null) yield last;
  }

  async remove(sets: readonly CopySet[]): Promise<number> {
    const heirs = new Map(sets.flatMap(({ keep, remove }) => remove.map((id) => [id, keep] as const)));
    if (heirs.size === 0) return 0;
    const ids = [...heirs.keys()];
    await this.#handOver(heirs, ids);
    return (await this.#messages((rows) => rows.deleteMany({ _id: { $in: ids }, ...WITH_KEY }))).deletedCount;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  /** Before the rows go: after a crash in between they are found again, and this is repeated. */
  async #handOver(heirs: ReadonlyMap<string, string>, ids: readonly string[]): Promise<void> {
    const found = await this.#receipts((receipts) => receipts.find({ messageId: { $in: [...ids] } }).toArray());
    if (found.length === 0) return;
    const writes = found.map(({ messageId, userId, state, at, writeId }) => ({
      updateOne: {
        filter: { messageId: heirs.get(messageId) ?? messageId, userId, state },
        update: { $min: { at }, $setOnInsert: { writeId } },
        upsert: true,
      },
    }));
    await this.#receipts((receipts) => receipts.bulkWrite(writes));
    await this.#receipts((receipts) => receipts.deleteMany({ messageId: { $in: [...ids] } }));
  }

  /** Those that have a key, by key. */
  async *#pages(): AsyncGenerator<readonly Row[]> {
    let cursor: mongo.FindCursor<Row> | undefined;
    let failure: unknown;
    try {
      for (;;) {
        const page = await this.#messages(async (messages) => {
          // A cursor that has failed says "no more" when it is asked again: the repetition of a broken command must not.
          if (failure !== undefined) throw failure;
          cursor ??= byKey(messages);
          try {
            return await take(cursor);
          } catch (error) {
            failure = error;
            throw error;
          }
        });
        if (page.length > 0) yield page;
        if (page.length < PAGE) return;
      }
    } finally {
      await cursor?.close();
    }
  }
}

function byKey(messages: mongo.Collection<MessageDocument>): mongo.FindCursor<Row> {
  const projection = { idempotencyKey: 1, acceptedAt: 1, persistedAt: 1, order: 1 };
  return messages.find<Row>(WITH_KEY, { projection, sort: { idempotencyKey: 1 }, allowDiskUse: true, batchSize: PAGE });
}

async function take(cursor: mongo.FindCursor<Row>): Promise<readonly Row[]> {
  const page: Row[] = [];
  while (page.length < PAGE) {
    const row = await cursor.next();
    if (row === null) break;
    page.push(row);
  }
  return page;
}
