import type { Clock } from '../../ports/clock.js';
import type { InboxDraft, InboxItem, InboxKey, InboxQuery, InboxSelection, InboxStore } from '../../ports/inbox.js';
import type { GroupCommit } from './group-commit.js';
import type { Database, Statement } from './sqlite.js';

/** What never changes about an item; one JSON text. */
type Contents = Pick<InboxDraft, 'notificationId' | 'category' | 'subject' | 'body' | 'data'>;

interface ItemRow {
  readonly seq: number;
  readonly operation_id: string;
  readonly created_at: number;
  readonly read_at: number | null;
  readonly item: string;
}

/** After any: the place before everything in a descending order. */
const NEWEST = Number.MAX_SAFE_INTEGER;

const COLUMNS = 'SELECT seq, operation_id, created_at, read_at, item FROM inbox';
const OF_ONE = 'WHERE tenant = ? AND user_id = ?';

/** By query plans' tests as well as by the store. */
export const INBOX_SQL = {
  list: `${COLUMNS} ${OF_ONE} AND seq < ? ORDER BY seq DESC LIMIT ?`,
  // Left to itself SQLite walks past all that was read.
  unreadList: `${COLUMNS} INDEXED BY inbox_unread ${OF_ONE} AND read_at IS NULL AND seq < ? ORDER BY seq DESC LIMIT ?`,
  after: `${COLUMNS} ${OF_ONE} AND seq > ? ORDER BY seq LIMIT ?`,
  unread: `SELECT count(*) AS unread FROM inbox INDEXED BY inbox_unread ${OF_ONE} AND read_at IS NULL`,
} as const;

/**
 * `InboxStore` on the data file. Each inbox keeps its newest `keep` items; with every new one the oldest go, read or
 * not: as numbers are given out without gaps, what is too old is known without counting.
 */
export class EmbeddedInbox implements InboxStore {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #keep: number;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(database: Database, group: GroupCommit, clock: Clock, keep: number) {
    this.#group = group;
    this.#clock = clock;
    this.#keep = keep;
    this.#sql = prepare(database);
  }

  put(draft: InboxDraft): Promise<InboxItem> {
    return this.#group.write(() => {
      const { tenant, userId, operationId } = draft;
      const known = this.#sql.known.get(tenant, operationId) as (ItemRow & { user_id: string }) | undefined;
      if (known !== undefined) return toItem({ tenant, userId: known.user_id }, known);
      const { last: seq } = this.#sql.number.get(tenant, userId) as { last: number };
      const createdAt = this.#clock.now();
      this.#sql.insert.run(tenant, userId, seq, operationId, createdAt, JSON.stringify(contentsOf(draft)));
      this.#sql.prune.run(tenant, userId, seq - this.#keep);
      return { ...draft, seq, createdAt, readAt: null };
    });
  }

  list(query: InboxQuery): Promise<readonly InboxItem[]> {
    const statement = query.unreadOnly === true ? this.#sql.unreadList : this.#sql.list;
    return this.#items(query, statement, query.before ?? NEWEST, query.limit);
  }

  after(key: InboxKey, seq: number, limit: number): Promise<readonly InboxItem[]> {
    return this.#items(key, this.#sql.after, seq, limit);
  }

  unread({ tenant, userId }: InboxKey): Promise<number> {
    return this.#group.read(() => (this.#sql.unread.get(tenant, userId) as { unread: number }).unread);
  }

  mark({ tenant, userId }: InboxKey, selection: InboxSelection, read: boolean): Promise<number> {
    return this.#group.write(() => {
      const readAt = read ? this.#clock.now() : null;
      const one = read ? this.#sql.markRead : this.#sql.markUnread;
      const upTo = read ? this.#sql.markReadUpTo : this.#sql.markUnreadUpTo;
      if ('upTo' in selection) return Number(upTo.run(readAt, tenant, userId, selection.upTo).changes);
      return selection.seqs.reduce((sum, seq) => sum + Number(one.run(readAt, tenant, userId, seq).changes), 0);
    });
  }

  #items({ tenant, userId }: InboxKey, statement: Statement, seq: number, limit: number): Promise<readonly InboxItem[]> {
    return this.#group.read(() => {
      const rows = statement.all(tenant, userId, seq, limit) as ItemRow[];
      return rows.map((row) => toItem({ tenant, userId }, row));
    });
  }
}

function prepare(database: Database) {
  const mark = (was: string, which: string): Statement =>
    database.prepare(`UPDATE inbox SET read_at = ? WHERE tenant = ? AND user_id = ? AND seq ${which} ? AND read_at IS ${was}`);
  return {
    known: database.prepare(
      'SELECT user_id, seq, operation_id, created_at, read_at, item FROM inbox WHERE tenant = ? AND operation_id = ?',
    ),
    number: database.prepare(
      'INSERT INTO inboxes (tenant, user_id, last) VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last',
    ),
    insert: database.prepare('INSERT INTO inbox (tenant, user_id, seq, operation_id, created_at, item) VALUES (?,?,?,?,?,?)'),
    prune: database.prepare('DELETE FROM inbox WHERE tenant = ? AND user_id = ? AND seq <= ?'),
    list: database.prepare(INBOX_SQL.list),
    unreadList: database.prepare(INBOX_SQL.unreadList),
    after: database.prepare(INBOX_SQL.after),
    unread: database.prepare(INBOX_SQL.unread),
    markRead: mark('NULL', '='),
    markUnread: mark('NOT NULL', '='),
    markReadUpTo: mark('NULL', '<='),
    markUnreadUpTo: mark('NOT NULL', '<='),
  };
}

function contentsOf({ notificationId, category, subject, body, data }: InboxDraft): Contents {
  return { notificationId, category, subject, body, data };
}

function toItem(key: InboxKey, row: ItemRow): InboxItem {
  const contents = JSON.parse(row.item) as Contents;
  return { ...key, operationId: row.operation_id, ...contents, seq: row.seq, createdAt: row.created_at, readAt: row.read_at };
}
