import { expect, test } from '@jest/globals';
import { EmbeddedCopies } from '../../src/adapters/embedded/copies.js';
import { MESSAGE_TABLES } from '../../src/adapters/embedded/message-schema.js';
import { openFile } from '../../src/adapters/embedded/open.js';
import type { Database } from '../../src/adapters/embedded/sqlite.js';
import type { Receipt } from '../../src/ports/messages.js';
import { type CopiesHarness, copiesContract, type PlantedRow } from '../contracts/copies-contract.js';
import { temporaryDirectory } from './embedded-harness.js';

const KEY = 'idempotency_key TEXT NOT NULL UNIQUE';

/** The table as it might have been made by hand from a dump: the same, with any key or none. */
function unguard(database: Database): void {
  const [table] = /CREATE TABLE messages [^;]+;/.exec(MESSAGE_TABLES) ?? [];
  if (table?.includes(KEY) !== true) throw new Error('the table of messages is not what this test knows');
  database.exec(`DROP TABLE messages; ${table.replace(KEY, 'idempotency_key TEXT')}`);
}

function plant(database: Database, rows: readonly PlantedRow[]): void {
  const insert = database.prepare(
    `INSERT INTO messages (id, idempotency_key, tenant, conversation_id, ord, fingerprint, persisted_at, body) VALUES (?,?,'t',?,?,'f',?,?)`,
  );
  database.exec('BEGIN');
  for (const { id, idempotencyKey, acceptedAt = 1, persistedAt = 1, order = id } of rows) {
    insert.run(id, idempotencyKey, `room-${id}`, order, persistedAt, JSON.stringify({ acceptedAt }));
  }
  database.exec('COMMIT');
}

/** The file is one process's at a time, and one opening's: it is given up around every look and every write. */
async function makeEmbeddedCopies(): Promise<CopiesHarness> {
  const { path, dispose } = temporaryDirectory();
  const inFile = async <T>(work: (database: Database) => T): Promise<T> => {
    const file = await openFile(path);
    try {
      return work(file.database);
    } finally {
      file.close();
    }
  };
  const audited = async <T>(work: (copies: EmbeddedCopies) => Promise<T>): Promise<T> => {
    const copies = await EmbeddedCopies.open(path);
    try {
      return await work(copies);
    } finally {
      await copies.close();
    }
  };
  await inFile(() => {});
  return {
    copies: {
      census: () => audited((copies) => copies.census()),
      async *sets(seen) {
        const copies = await EmbeddedCopies.open(path);
        try {
          yield* copies.sets(seen);
        } finally {
          await copies.close();
        }
      },
      remove: (sets) => audited((copies) => copies.remove(sets)),
      close: async () => {},
    },
    unguard: () => inFile(unguard),
    plant: (rows) => inFile((database) => plant(database, rows)),
    receive: (messageId, { userId, state, at }) =>
      inFile((database) => {
        database.prepare('INSERT INTO receipts VALUES (?,?,?,?)').run(messageId, userId, state, at);
      }),
    ids: () =>
      inFile((database) => (database.prepare('SELECT id FROM messages ORDER BY id').all() as { id: string }[]).map(({ id }) => id)),
    receiptsOf: (messageId) =>
      inFile((database) => {
        const sql = 'SELECT user_id AS userId, state, at FROM receipts WHERE message_id = ? ORDER BY user_id';
        return (database.prepare(sql).all(messageId) as Receipt[]).map((receipt) => ({ ...receipt }));
      }),
    dispose: async () => dispose(),
  };
}

copiesContract(makeEmbeddedCopies);

test('where there is no data file, none is made', async () => {
  const { path, dispose } = temporaryDirectory();
  await expect(EmbeddedCopies.open(path)).rejects.toMatchObject({
    code: 'store-refused',
    message: expect.stringContaining('no data file'),
  });
  dispose();
});
