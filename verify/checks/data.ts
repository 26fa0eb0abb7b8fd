import { join } from 'node:path';
import mongoose from 'mongoose';
import { FILE_NAME } from '../../src/adapters/embedded/open.js';
import { type Database, loadSqlite } from '../../src/adapters/embedded/sqlite.js';
import { type Check, hold, same, Unmeasured } from '../check.js';
import { accept, reaches } from '../notify.js';
import type { World } from '../world.js';

const NEEDS_STORE = 'the database cannot be reached from here: measured with --target embedded and cluster';
const LOCKING = ['lockedBy', 'lockToken', 'lockedAt', 'lockedUntil', 'claims', 'status', 'dueAt'];

/** The file of a server of our own that has delivered one and is gone. */
async function withFile<T>(world: World, look: (database: Database) => T): Promise<T> {
  const server = await world.server();
  await reaches(world, await accept(world, {}, server.url), 'delivered', undefined, server.url);
  await server.kill();
  const { DatabaseSync } = await loadSqlite();
  const database = new DatabaseSync(join(server.dataDir, FILE_NAME), { timeout: 1_000 });
  try {
    return look(database);
  } finally {
    database.close();
  }
}

async function withMongo<T>(world: World, look: (database: mongoose.mongo.Db) => Promise<T>): Promise<T> {
  const uri = world.site.environment['MONGODB_URI'];
  if (uri === undefined) throw new Unmeasured('the address of MongoDB is not known here');
  const client = new mongoose.mongo.MongoClient(uri, { serverSelectionTimeoutMS: 5_000 });
  try {
    return await look((await client.connect()).db());
  } finally {
    await client.close();
  }
}

async function lockingFields(world: World): Promise<string> {
  if (world.site.target === 'embedded') {
    const columns = await withFile(world, (database) =>
      (database.prepare('PRAGMA table_info(records)').all() as readonly { name: string }[]).map(({ name }) => name),
    );
    const wanted = [...LOCKING.map(snake), 'urgent', 'created_at'];
    same(
      wanted.filter((name) => !columns.includes(name)),
      [],
      'columns that are missing',
    );
    return `records has ${wanted.join(', ')}`;
  }
  const id = await accept(world);
  const told = await reaches(world, id, 'delivered');
  const document = await withMongo(world, (database) => database.collection('notifications').findOne({ id }));
  world.note({ document });
  hold(document !== null, `the document of ${id}`, document);
  same(
    [...LOCKING, 'priority', 'deliveries', 'payload'].filter((name) => !(name in document)),
    [],
    'fields that are missing',
  );
  same([document['lockToken'], document['status']], [told.lock.lockToken, 'delivered'], 'the token and the status in the document');
  return `the document has ${LOCKING.join(', ')}, priority, deliveries`;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A second delivered outcome of one operation must be refused by the store itself. */
async function deliveredOnce(world: World): Promise<string> {
  if (world.site.target === 'embedded') {
    return withFile(world, (database) => {
      const twice = `INSERT INTO ledger (record, version, n, tenant, operation_id, result, entry)
        SELECT record, version, n + 1000, tenant, operation_id, result, entry FROM ledger WHERE result = 'delivered' LIMIT 1`;
      const { changes } = refusedBy(() => database.prepare(twice).run());
      same(changes, 'UNIQUE', 'what a second delivered outcome of one operation is answered');
      return 'a second delivered outcome of one operation is refused by a unique index';
    });
  }
  const id = await accept(world);
  await reaches(world, id, 'delivered');
  return withMongo(world, async (database) => {
    const notifications = database.collection('notifications');
    const document = await notifications.findOne({ id });
    const copy = {
      ...document,
      _id: `copy-${id}`,
      id: `copy-${id}`,
    } as unknown as mongoose.mongo.OptionalUnlessRequiredId<mongoose.mongo.Document>;
    world.atEnd(() => withMongo(world, (again) => again.collection('notifications').deleteOne({ id: `copy-${id}` })));
    const refusal = await notifications.insertOne(copy).then(
      () => 'accepted',
      (error: { code?: unknown }) => error.code,
    );
    same(refusal, 11000, 'what a second document with the same delivered operation is answered');
    return 'a second document with the same delivered operation is refused with 11000';
  });
}

function refusedBy(run: () => unknown): { readonly changes: string } {
  try {
    run();
    return { changes: 'accepted' };
  } catch (error) {
    return { changes: /UNIQUE/.exec(String(error))?.[0] ?? String(error) };
  }
}

interface Tested {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
}

/** The project's own tests ask the store for its plans. */
async function plans(world: World): Promise<string> {
  const files = world.site.target === 'embedded' ? ['embedded-commit', 'embedded-people'] : ['mongo-reads'];
  const argv = ['npm', 'test', '--silent', '--', '--json', ...files.map((name) => `tests/adapters/${name}.test.ts`)];
  const ran = await world.run(argv, { withinMs: 240_000 });
  const text = ran.stdout.slice(ran.stdout.indexOf('{"'));
  const { numPassedTests, numFailedTests } = JSON.parse(text) as Tested;
  same(numFailedTests, 0, `failed tests of ${files.join(', ')}`);
  hold(numPassedTests > 5, 'tests that passed', numPassedTests);
  return `${numPassedTests} tests on the store’s plans passed: no collection is read whole`;
}

/** How records are kept. */
export const DATA: readonly Check[] = [
  { id: 'DAT-01', on: ['embedded', 'cluster'], elsewhere: NEEDS_STORE, run: lockingFields },
  { id: 'DAT-03', on: ['embedded', 'cluster'], elsewhere: NEEDS_STORE, run: deliveredOnce },
  { id: 'DAT-06', on: ['embedded', 'cluster'], elsewhere: NEEDS_STORE, withinMs: 250_000, run: plans },
];
