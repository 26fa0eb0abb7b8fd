import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SignalboxError } from '../../errors.js';
import { type Census, type CopyRow, type CopySet, copySetOf, type MessageCopies } from '../../ports/copies.js';
import { FILE_NAME, type OpenFile, openFile } from './open.js';

/** Keys with copies that are fetched at a time. */
const PAGE = 500;

/** `MessageCopies` on the data file, whose unique key stands in the table itself. No server may have the file open. */
export class EmbeddedCopies implements MessageCopies {
  readonly #file: OpenFile;

  /** Rejects as {@link openFile} does, and where there is no data file. */
  static async open(dataDir: string): Promise<EmbeddedCopies> {
    const path = join(dataDir, FILE_NAME);
    if (!existsSync(path)) throw new SignalboxError('store-refused', `There is no data file ${path}.`);
    return new EmbeddedCopies(await openFile(dataDir));
  }

  private constructor(file: OpenFile) {
    this.#file = file;
  }

  async census(): Promise<Census> {
    const counted = this.#rows<{ messages: number; keyless: number }>(
      `SELECT count(*) AS messages, count(*) FILTER (WHERE coalesce(idempotency_key, '') = '') AS keyless FROM messages`,
    );
    const guards = this.#rows(
      `SELECT 1 FROM pragma_index_list('messages') AS list WHERE list."unique" = 1 AND list.partial = 0
       AND (SELECT group_concat(name) FROM pragma_index_info(list.name)) = 'idempotency_key'`,
    );
    const { messages = 0, keyless = 0 } = counted[0] ?? {};
    return { messages, withoutKey: keyless, guarded: guards.length > 0 };
  }

  async *sets(seen: (rows: number) => void = () => {}): AsyncGenerator<CopySet> {
    const { messages, withoutKey } = await this.census();
    for (let last = ''; ; ) {
      const keys = this.#rows<{ key: string }>(
        `SELECT idempotency_key AS key FROM messages WHERE idempotency_key > ? GROUP BY key HAVING count(*) > 1 ORDER BY key LIMIT ${PAGE}`,
        last,
      );
      for (const { key } of keys) {
        const set = copySetOf(this.#rows<CopyRow>(`${COPIES} WHERE idempotency_key = ?`, key));
        if (set !== null) yield set;
        last = key;
      }
      if (keys.length < PAGE) break;
    }
    seen(messages - withoutKey);
  }

  async remove(sets: readonly CopySet[]): Promise<number> {
    const { database } = this.#file;
    const inherit = database.prepare(
      `INSERT INTO receipts (message_id, user_id, state, at) SELECT ?, user_id, state, at FROM receipts WHERE message_id = ?
       ON CONFLICT DO UPDATE SET at = min(at, excluded.at)`,
    );
    const forget = database.prepare('DELETE FROM receipts WHERE message_id = ?');
    const remove = database.prepare(`DELETE FROM messages WHERE id = ? AND idempotency_key > ''`);
    let removed = 0;
    database.exec('BEGIN IMMEDIATE');
    try {
      for (const { keep, remove: ids } of sets) {
        for (const id of ids) {
          inherit.run(keep, id);
          forget.run(id);
          removed += Number(remove.run(id).changes);
        }
      }
      database.exec('COMMIT');
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
    return removed;
  }

  async close(): Promise<void> {
    this.#file.close();
  }

  #rows<T>(sql: string, ...values: string[]): readonly T[] {
    return this.#file.database.prepare(sql).all(...values) as T[];
  }
}

const COPIES = `SELECT id, idempotency_key AS idempotencyKey, persisted_at AS persistedAt, ord AS "order",
  json_extract(body, '$.acceptedAt') AS acceptedAt FROM messages`;
