import { SignalboxError } from '../../errors.js';
import type { Clock } from '../../ports/clock.js';
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
import type { GroupCommit } from './group-commit.js';
import type { Database } from './sqlite.js';

interface MessageRow {
  readonly id: string;
  readonly idempotency_key: string;
  readonly tenant: string;
  readonly conversation_id: string;
  readonly ord: string;
  readonly fingerprint: string;
  readonly persisted_at: number;
  readonly body: string;
}

/** What nobody asks for; one JSON text. */
type Body = Pick<Message, 'senderId' | 'clientMessageId' | 'recipientIds' | 'contentType' | 'content' | 'correlationId' | 'acceptedAt'>;

const COLUMNS = 'SELECT id, idempotency_key, tenant, conversation_id, ord, fingerprint, persisted_at, body FROM messages';
const OF_ONE = 'WHERE tenant = ? AND conversation_id = ?';

/** Before and after every place. */
const FIRST = '';
const LAST = '\u{10ffff}';

/** By query plans' tests as well as by the store. */
export const MESSAGES_SQL = {
  byId: `${COLUMNS} WHERE id = ?`,
  byKey: `${COLUMNS} WHERE idempotency_key = ?`,
  oldestFirst: `${COLUMNS} ${OF_ONE} AND ord > ? ORDER BY ord LIMIT ?`,
  newestFirst: `${COLUMNS} ${OF_ONE} AND ord < ? ORDER BY ord DESC LIMIT ?`,
  newest: `SELECT ord FROM messages ${OF_ONE} ORDER BY ord DESC LIMIT 1`,
  receipts: 'SELECT user_id, state, at FROM receipts WHERE message_id = ? ORDER BY at, user_id, state',
} as const;

/** `MessageStore` on the data file. */
export class EmbeddedMessages implements MessageStore {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(database: Database, group: GroupCommit, clock: Clock) {
    this.#group = group;
    this.#clock = clock;
    this.#sql = prepare(database);
  }

  persist(drafts: readonly MessageDraft[]): Promise<readonly PersistOutcome[]> {
    return this.#group.write(() => drafts.map((draft) => this.#store(draft).outcome));
  }

  place(message: UnplacedMessage): Promise<{ readonly outcome: PersistOutcome; readonly message: Message }> {
    return this.#group.write(() => {
      const newest = this.#sql.newest.get(message.tenant, message.conversationId) as { ord: string } | undefined;
      return this.#store({ ...message, order: placeAfter(newest?.ord ?? null) });
    });
  }

  get(tenant: string, id: string): Promise<Message | null> {
    return this.#group.read(() => this.#find(tenant, id));
  }

  history({ tenant, conversationId, newestFirst, after, limit }: HistoryQuery): Promise<readonly Message[]> {
    const statement = newestFirst ? this.#sql.newestFirst : this.#sql.oldestFirst;
    const from = after ?? (newestFirst ? LAST : FIRST);
    return this.#group.read(() => (statement.all(tenant, conversationId, from, limit) as MessageRow[]).map(toMessage));
  }

  receive(
    tenant: string,
    messageId: string,
    { userId, state }: Omit<Receipt, 'at'>,
  ): Promise<{ readonly added: boolean; readonly receipt: Receipt } | null> {
    return this.#group.write(() => {
      if (this.#find(tenant, messageId) === null) return null;
      const at = this.#clock.now();
      const added = Number(this.#sql.receive.run(messageId, userId, state, at).changes) > 0;
      const row = this.#sql.receipt.get(messageId, userId, state) as { at: number };
      return { added, receipt: { userId, state, at: row.at } };
    });
  }

  receipts(tenant: string, messageId: string): Promise<readonly Receipt[]> {
    return this.#group.read(() => {
      if (this.#find(tenant, messageId) === null) return [];
      const rows = this.#sql.receipts.all(messageId) as { user_id: string; state: Receipt['state']; at: number }[];
      return rows.map(({ user_id: userId, state, at }) => ({ userId, state, at }));
    });
  }

  #find(tenant: string, id: string): Message | null {
    const row = this.#sql.byId.get(id) as MessageRow | undefined;
    return row === undefined || row.tenant !== tenant ? null : toMessage(row);
  }

  #store(draft: MessageDraft): { readonly outcome: PersistOutcome; readonly message: Message } {
    const { id, idempotencyKey, tenant, conversationId, order, fingerprint } = draft;
    const persistedAt = this.#clock.now();
    const body = JSON.stringify(bodyOf(draft));
    const { changes } = this.#sql.insert.run(id, idempotencyKey, tenant, conversationId, order, fingerprint, persistedAt, body);
    if (Number(changes) > 0) return { outcome: 'stored', message: { ...draft, persistedAt } };
    const known = (this.#sql.byId.get(id) ?? this.#sql.byKey.get(idempotencyKey)) as MessageRow | undefined;
    if (known === undefined) throw new SignalboxError('conflict', `The place of message ${id} is another one's.`);
    const same = known.id === id && known.fingerprint === fingerprint;
    return { outcome: same ? 'duplicate' : 'conflict', message: toMessage(known) };
  }
}

function prepare(database: Database) {
  return {
    insert: database.prepare(
      `INSERT INTO messages (id, idempotency_key, tenant, conversation_id, ord, fingerprint, persisted_at, body)
       VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
    ),
    byId: database.prepare(MESSAGES_SQL.byId),
    byKey: database.prepare(MESSAGES_SQL.byKey),
    oldestFirst: database.prepare(MESSAGES_SQL.oldestFirst),
    newestFirst: database.prepare(MESSAGES_SQL.newestFirst),
    newest: database.prepare(MESSAGES_SQL.newest),
    receive: database.prepare('INSERT INTO receipts (message_id, user_id, state, at) VALUES (?,?,?,?) ON CONFLICT DO NOTHING'),
    receipt: database.prepare('SELECT at FROM receipts WHERE message_id = ? AND user_id = ? AND state = ?'),
    receipts: database.prepare(MESSAGES_SQL.receipts),
  };
}

function bodyOf({ senderId, clientMessageId, recipientIds, contentType, content, correlationId, acceptedAt }: MessageDraft): Body {
  return { senderId, clientMessageId, recipientIds, contentType, content, correlationId, acceptedAt };
}

function toMessage(row: MessageRow): Message {
  return {
    tenant: row.tenant,
    id: row.id,
    idempotencyKey: row.idempotency_key,
    conversationId: row.conversation_id,
    order: row.ord,
    fingerprint: row.fingerprint,
    ...(JSON.parse(row.body) as Body),
    persistedAt: row.persisted_at,
  };
}
