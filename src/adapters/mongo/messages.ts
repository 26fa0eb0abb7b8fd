import { randomUUID } from 'node:crypto';
import type { mongo } from 'mongoose';
import { SignalboxError } from '../../errors.js';
import {
  type HistoryQuery,
  type Message,
  type MessageDraft,
  type MessageStore,
  type PersistOutcome,
  placeAfter,
  type Receipt,
  type UnplacedMessage,
} from '../../ports/messages.js';
import { type Commands, commandsOn } from './collection.js';
import { isDuplicate, unavailable } from './errors.js';
import { Gather } from './gather.js';
import { MESSAGES, RECEIPTS } from './model.js';
import type { DatabaseConnectionPool } from './pool.js';
import type { ServerClock } from './server-clock.js';

/** Rounds for those whose insertion gave way to another's. */
const ROUNDS = 3;
/** Others may take the next place first, each of them once at a time: more than there are processes. */
const PLACES = 100;

/** Batches of partitions that are stored by one insertion: a process may own all of them. */
const BATCHES = 64;

/** Collection `messages`; `_id` is the message's id. */
export interface MessageDocument extends Omit<Message, 'id'> {
  readonly _id: string;
  /** The write that made it: tells whose came first. */
  readonly writeId: string;
}

/** Collection `message_receipts`. */
export interface ReceiptDocument extends Receipt {
  readonly messageId: string;
  /** The write that made it. */
  readonly writeId: string;
}

/** `MessageStore` on MongoDB: one document for each message, one for each receipt. */
export class MongoMessages implements MessageStore {
  readonly #run: Commands<MessageDocument>;
  readonly #receipts: Commands<ReceiptDocument>;
  readonly #clock: ServerClock;
  readonly #gathered = new Gather<readonly MessageDraft[], readonly PersistOutcome[]>(BATCHES, (batches) => this.#persistEach(batches));

  constructor(pool: DatabaseConnectionPool, clock: ServerClock) {
    this.#run = commandsOn(pool, MESSAGES);
    this.#receipts = commandsOn(pool, RECEIPTS);
    this.#clock = clock;
  }

  async persist(drafts: readonly MessageDraft[]): Promise<readonly PersistOutcome[]> {
    return drafts.length === 0 ? [] : this.#gathered.add(drafts);
  }

  /** Where one of them cannot be written as it is, each by itself: nobody fails for what another was given. */
  async #persistEach(batches: readonly (readonly MessageDraft[])[]): Promise<readonly (readonly PersistOutcome[] | SignalboxError)[]> {
    try {
      return await this.#persistAll(batches);
    } catch (error) {
      if (batches.length === 1 || (error instanceof SignalboxError && error.retryable)) throw error;
    }
    const outcomes: (readonly PersistOutcome[] | SignalboxError)[] = [];
    for (const batch of batches) {
      try {
        outcomes.push(...(await this.#persistAll([batch])));
      } catch (cause) {
        const internal = new SignalboxError('internal', 'The messages could not be written.', { cause });
        outcomes.push(cause instanceof SignalboxError ? cause : internal);
      }
    }
    return outcomes;
  }

  /** Batches of several partitions as one; each is answered for itself. */
  async #persistAll(batches: readonly (readonly MessageDraft[])[]): Promise<readonly (readonly PersistOutcome[] | SignalboxError)[]> {
    const drafts = batches.flat();
    const writeId = randomUUID();
    const persistedAt = await this.#clock.now();
    const offered = new Map<string, MessageDocument>();
    const firsts = new Set<MessageDraft>();
    for (const draft of drafts) {
      if (offered.has(draft.id)) continue;
      offered.set(draft.id, documentOf(draft, persistedAt, writeId));
      firsts.add(draft);
    }
    const there = await this.#insertOrFind([...offered.values()]);
    const outcomeOf = (draft: MessageDraft): PersistOutcome | null => {
      const found = there.get(draft.id);
      if (found === undefined) return null;
      if (found.writeId === writeId && firsts.has(draft)) return 'stored';
      return sameAs(draft, found) ? 'duplicate' : 'conflict';
    };
    return batches.map((batch) => {
      const outcomes: PersistOutcome[] = [];
      for (const draft of batch) {
        const outcome = outcomeOf(draft);
        if (outcome === null) return new SignalboxError('conflict', `The place of message ${draft.id} is another one's.`);
        outcomes.push(outcome);
      }
      return outcomes;
    });
  }

  async place(message: UnplacedMessage): Promise<{ readonly outcome: PersistOutcome; readonly message: Message }> {
    const writeId = randomUUID();
    for (let attempt = 1; attempt <= PLACES; attempt += 1) {
      const order = placeAfter(await this.#newest(message));
      const offered = documentOf({ ...message, order }, await this.#clock.now(), writeId);
      if (await this.#insert([offered])) return { outcome: 'stored', message: toMessage(offered) };
      const known = (await this.#find([offered])).get(message.id);
      if (known === undefined) continue;
      const outcome = known.writeId === writeId ? 'stored' : sameAs(message, known) ? 'duplicate' : 'conflict';
      return { outcome, message: toMessage(known) };
    }
    throw unavailable(`A conversation is written to by too many at once: no place was free in ${PLACES} attempts.`);
  }

  async get(tenant: string, id: string): Promise<Message | null> {
    const found = await this.#run((messages) => messages.findOne({ _id: id }));
    return found === null || found.tenant !== tenant ? null : toMessage(found);
  }

  async history(query: HistoryQuery): Promise<readonly Message[]> {
    return (await this.#run((messages) => historyIn(messages, query).toArray())).map(toMessage);
  }

  async receive(
    tenant: string,
    messageId: string,
    { userId, state }: Omit<Receipt, 'at'>,
  ): Promise<{ readonly added: boolean; readonly receipt: Receipt } | null> {
    if ((await this.get(tenant, messageId)) === null) return null;
    const at = await this.#clock.now();
    const writeId = randomUUID();
    try {
      await this.#receipts((receipts) => receipts.insertOne({ messageId, userId, state, at, writeId }));
      return { added: true, receipt: { userId, state, at } };
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
    const known = await this.#receipts((receipts) => receipts.findOne({ messageId, userId, state }));
    // Nobody removes receipts: what was in the way is there.
    return { added: known?.writeId === writeId, receipt: { userId, state, at: known?.at ?? at } };
  }

  async receipts(tenant: string, messageId: string): Promise<readonly Receipt[]> {
    if ((await this.get(tenant, messageId)) === null) return [];
    const found = await this.#receipts((receipts) => receiptsIn(receipts, messageId).toArray());
    const inOrder = found.sort((a, b) => a.at - b.at || compare(a.userId, b.userId) || compare(a.state, b.state));
    return inOrder.map(({ userId, state, at }) => ({ userId, state, at }));
  }

  async #newest({ tenant, conversationId }: UnplacedMessage): Promise<string | null> {
    const query = { tenant, conversationId, newestFirst: true, limit: 1 };
    const [newest] = await this.#run((messages) => historyIn(messages, query).toArray());
    return newest?.order ?? null;
  }

  /** By id, what is there in the end of each: ours, or another that was there first. */
  async #insertOrFind(offered: readonly MessageDocument[]): Promise<ReadonlyMap<string, MessageDocument>> {
    const there = new Map<string, MessageDocument>();
    let left = offered;
    for (let round = 0; round < ROUNDS && left.length > 0; round += 1) {
      const found = (await this.#insert(left)) ? new Map(left.map((document) => [document._id, document])) : await this.#find(left);
      for (const [id, document] of found) there.set(id, document);
      left = left.filter(({ _id }) => !there.has(_id));
    }
    return there;
  }

  /** False when some of them were refused. */
  async #insert(documents: readonly MessageDocument[]): Promise<boolean> {
    try {
      await this.#run((messages) => messages.insertMany([...documents], { ordered: false }));
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  }

  /** By the id of the one that was offered: what has its id, else what has its key. */
  async #find(offered: readonly MessageDocument[]): Promise<ReadonlyMap<string, MessageDocument>> {
    const byId = await this.#run((messages) =>
      byIdsIn(
        messages,
        offered.map(({ _id }) => _id),
      ).toArray(),
    );
    const found = new Map(byId.map((document) => [document._id, document]));
    const rest = offered.filter(({ _id }) => !found.has(_id));
    if (rest.length === 0) return found;
    const byKey = await this.#run((messages) =>
      byKeysIn(
        messages,
        rest.map(({ idempotencyKey }) => idempotencyKey),
      ).toArray(),
    );
    const keyed = new Map(byKey.map((document) => [document.idempotencyKey, document]));
    for (const { _id, idempotencyKey } of rest) {
      const document = keyed.get(idempotencyKey);
      if (document !== undefined) found.set(_id, document);
    }
    return found;
  }
}

/** The reads, for the test of their indexes as well. */
export function historyIn(
  messages: mongo.Collection<MessageDocument>,
  { tenant, conversationId, newestFirst, after, limit }: HistoryQuery,
): mongo.FindCursor<MessageDocument> {
  const behind = after === undefined ? {} : { order: newestFirst ? { $lt: after } : { $gt: after } };
  return messages
    .find({ tenant, conversationId, ...behind }, { hint: 'messages_of_conversation' })
    .sort({ order: newestFirst ? -1 : 1 })
    .limit(limit);
}

export function receiptsIn(receipts: mongo.Collection<ReceiptDocument>, messageId: string): mongo.FindCursor<ReceiptDocument> {
  return receipts.find({ messageId }, { hint: 'receipts_once' });
}

export function byIdsIn(messages: mongo.Collection<MessageDocument>, ids: readonly string[]): mongo.FindCursor<MessageDocument> {
  return messages.find({ _id: { $in: [...ids] } }, { batchSize: ids.length + 1 });
}

export function byKeysIn(messages: mongo.Collection<MessageDocument>, keys: readonly string[]): mongo.FindCursor<MessageDocument> {
  return messages.find({ idempotencyKey: { $in: [...keys] } }, { hint: 'messages_once', batchSize: keys.length + 1 });
}

function sameAs({ id, fingerprint }: UnplacedMessage, found: MessageDocument): boolean {
  return found._id === id && found.fingerprint === fingerprint;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function documentOf({ id, ...draft }: MessageDraft, persistedAt: number, writeId: string): MessageDocument {
  return { _id: id, ...draft, persistedAt, writeId };
}

function toMessage({ _id: id, writeId: _, ...message }: MessageDocument): Message {
  return { id, ...message };
}
