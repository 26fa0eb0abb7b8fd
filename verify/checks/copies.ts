import mongoose from 'mongoose';
import { type Check, Failure, hold, same } from '../check.js';
import { message, post, stored } from '../message.js';
import { fresh } from '../notify.js';
import type { Ran, World } from '../world.js';

const CLI = ['node', 'bin/signalbox.mjs'];
const NEEDS_STORE = 'the database cannot be reached from here: measured with --target embedded and cluster';
const SETTLE_MS = 30_000;

/** As an import without indexes leaves them; the first was accepted last. */
const IMPORTED = [
  { _id: 'late', idempotencyKey: 'k', acceptedAt: 9 },
  { _id: 'early', idempotencyKey: 'k', acceptedAt: 3 },
  { _id: 'other', idempotencyKey: 'o', acceptedAt: 1 },
  { _id: 'keyless', acceptedAt: 1 },
].map((row) => ({ ...row, tenant: 't', conversationId: `room-${row._id}`, order: '1', persistedAt: 1 }));

/** The audit of copies: of the data of a server that has stored some, or of a database with planted ones. */
export async function audited(world: World): Promise<string> {
  return world.site.target === 'embedded' ? inFile(world) : inMongo(world);
}

async function inFile(world: World): Promise<string> {
  const { url, dataDir, kill } = await world.server();
  const body = message();
  await post(world, body, url);
  await stored(world, body['conversationId'], 1, url);
  await kill();
  const ran = await world.succeed([...CLI, '--json', 'dedupe'], { env: { DATA_DIR: dataDir } });
  same(lastOf(ran), { dryRun: true, messages: 1, withoutKey: 0, guarded: true, sets: 0, copies: 0, removed: 0 }, 'the audit');
  return 'signalbox dedupe of a data file: 1 message, unique index, 0 copies';
}

async function inMongo(world: World): Promise<string> {
  const env = { DIRECT_DATABASE_URL: besides(world.site.environment['MONGODB_URI']) };
  const rows = await planted(world, env.DIRECT_DATABASE_URL);
  const dry = await world.run([...CLI, '--json', 'dedupe'], { env });
  same([dry.code, dry.stdout.split('\n')[0]], [1, '{"keep":"early","remove":["late"]}'], 'the dry run');
  same((await rows.find().toArray()).length, IMPORTED.length, 'rows after a dry run');
  const applied = await world.succeed([...CLI, '--json', 'dedupe', '--apply', '--yes'], { env });
  same(lastOf(applied)['removed'], 1, 'rows removed');
  const left = await rows.find({}, { sort: { _id: 1 } }).toArray();
  same(
    left.map(({ _id }) => _id),
    ['early', 'keyless', 'other'],
    'rows that are left',
  );
  await world.succeed([...CLI, 'migrate', 'up'], { env, withinMs: SETTLE_MS });
  const again = lastOf(await world.succeed([...CLI, '--json', 'dedupe'], { env }));
  same([again['guarded'], again['copies']], [true, 0], 'the audit with the unique index');
  return 'planted without the index: the copy accepted first is kept, the one without a key untouched; then the index is made, and 0 copies';
}

/** A database of the check's own on the same server. */
function besides(uri: string | undefined): string {
  if (uri === undefined) throw new Failure('the address of the cluster’s MongoDB', 'none');
  const url = new URL(uri);
  // Who signs in is known where the fleet's data is.
  if (url.username !== '' && !url.searchParams.has('authSource')) url.searchParams.set('authSource', url.pathname.slice(1) || 'admin');
  url.pathname = `/${fresh('dedupe').replaceAll('-', '_')}`;
  return url.href;
}

async function planted(world: World, uri: string) {
  const client = new mongoose.mongo.MongoClient(uri, { serverSelectionTimeoutMS: 5_000 });
  const database = (await client.connect()).db();
  world.atEnd(async () => {
    await database.dropDatabase();
    await client.close();
  });
  const rows = database.collection<{ _id: string }>('messages');
  await rows.insertMany(IMPORTED);
  return rows;
}

function lastOf({ stdout }: Ran): Readonly<Record<string, unknown>> {
  const last = stdout.trim().split('\n').at(-1) ?? '';
  hold(last.startsWith('{'), 'a line of JSON with the sums', stdout);
  return JSON.parse(last) as Readonly<Record<string, unknown>>;
}

export const OF_COPIES: readonly Check[] = [{ id: 'X-39', on: ['embedded', 'cluster'], elsewhere: NEEDS_STORE, run: audited }];
