import { MongoCopies } from '../../src/adapters/mongo/copies.js';
import type { ReceiptDocument } from '../../src/adapters/mongo/messages.js';
import { Migrations } from '../../src/adapters/mongo/migrations.js';
import { MESSAGES, RECEIPTS } from '../../src/adapters/mongo/model.js';
import { DatabaseConnectionPool } from '../../src/adapters/mongo/pool.js';
import type { CopiesHarness, PlantedRow } from '../contracts/copies-contract.js';
import { databaseOn, optionsFor } from './mongo-harness.js';

/** As it was before the row had a place for it, an import leaves a key out. */
function documentOf({ id, idempotencyKey, acceptedAt = 1, persistedAt = 1, order = id }: PlantedRow) {
  const key = idempotencyKey === null ? {} : { idempotencyKey };
  return { _id: id, ...key, tenant: 't', conversationId: `room-${id}`, order, acceptedAt, persistedAt, content: `secret of ${id}` };
}

/** A database of its own with all indexes, until one of them is taken away. */
export async function makeMongoCopies(server: string): Promise<CopiesHarness & { readonly uri: string }> {
  const uri = databaseOn(server);
  const migrations = await Migrations.open(optionsFor(uri));
  await migrations.up();
  await migrations.close();
  const pool = await DatabaseConnectionPool.open(optionsFor(uri));
  const copies = await MongoCopies.open(optionsFor(uri));
  return {
    uri,
    copies,
    unguard: async () => {
      await pool.run((database) => database.collection(MESSAGES).dropIndex('messages_once'));
    },
    plant: async (rows) => {
      await pool.run((database) => database.collection<{ _id: string }>(MESSAGES).insertMany(rows.map(documentOf)));
    },
    receive: async (messageId, receipt) => {
      await pool.run((database) =>
        database.collection<ReceiptDocument>(RECEIPTS).insertOne({ messageId, ...receipt, writeId: `w-${messageId}` }),
      );
    },
    ids: () =>
      pool.run(async (database) => {
        const found = await database
          .collection<{ _id: string }>(MESSAGES)
          .find({}, { projection: { _id: 1 }, sort: { _id: 1 } })
          .toArray();
        return found.map(({ _id }) => _id);
      }),
    receiptsOf: (messageId) =>
      pool.run(async (database) => {
        const found = await database
          .collection<ReceiptDocument>(RECEIPTS)
          .find({ messageId }, { sort: { userId: 1 } })
          .toArray();
        return found.map(({ userId, state, at }) => ({ userId, state, at }));
      }),
    async dispose() {
      await copies.close();
      await pool.run((database) => database.dropDatabase());
      await pool.close();
    },
  };
}
