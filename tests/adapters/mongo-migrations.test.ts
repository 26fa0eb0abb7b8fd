import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Migrations } from '../../src/adapters/mongo/migrations.js';
import { NOTIFICATIONS, type NotificationDocument } from '../../src/adapters/mongo/model.js';
import { openMongo } from '../../src/adapters/mongo/mongo.js';
import { DatabaseConnectionPool } from '../../src/adapters/mongo/pool.js';
import { type Action, indexNames, REQUIRED_INDEXES, STEPS, type Step } from '../../src/adapters/mongo/steps.js';
import { doneOf, draftOf, leaseOn, restOf } from '../contracts/drafts.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { databaseOn, INBOX_KEEP, optionsFor } from './mongo-harness.js';

describeWith(await serverOrSkip('mongodb'), 'Migrations of MongoDB', (server) => {
  let uri: string;
  let pool: DatabaseConnectionPool;
  let opened: { close(): Promise<void> }[];
  beforeEach(async () => {
    uri = databaseOn(server.uri);
    pool = await DatabaseConnectionPool.open(optionsFor(uri));
    opened = [];
  });
  afterEach(async () => {
    for (const each of opened) await each.close();
    await pool.run((database) => database.dropDatabase());
    await pool.close();
  });

  async function migrations(steps: readonly Step[] = STEPS): Promise<Migrations> {
    const made = await Migrations.open({ ...optionsFor(uri), steps });
    opened.push(made);
    return made;
  }

  async function open(migrate = false) {
    const mongo = await openMongo({ ...optionsFor(uri), inboxKeep: INBOX_KEEP, migrate });
    opened.push(mongo);
    return mongo;
  }

  /** Those of ours that are there. */
  async function present(): Promise<string[]> {
    const found: string[] = [];
    for (const { collection, name } of REQUIRED_INDEXES) {
      if ((await pool.run((database) => indexNames(database, collection))).has(name)) found.push(`${collection}.${name}`);
    }
    return found;
  }

  const documents = () =>
    pool.run((database) =>
      database
        .collection<NotificationDocument>(NOTIFICATIONS)
        .find({}, { sort: { _id: 1 } })
        .toArray(),
    );
  const ALL = REQUIRED_INDEXES.map(({ collection, name }) => `${collection}.${name}`);

  test('a database that was not prepared is refused at start, with the command that prepares it', async () => {
    await expect(open()).rejects.toMatchObject({ code: 'store-refused', message: expect.stringContaining('signalbox migrate up') });
    await (await migrations()).up();
    await open();
    await pool.run((database) => database.collection(NOTIFICATIONS).dropIndex('pending'));
    await expect(open()).rejects.toMatchObject({ message: expect.stringContaining(`${NOTIFICATIONS}.pending`) });
  });

  test('in development a database may be prepared at start', async () => {
    await open(true);
    expect(await present()).toEqual(ALL);
    await open(true);
  });

  test('status, a plan that does nothing, up, and up again', async () => {
    const made = await migrations();
    expect((await made.status()).every((step) => step.appliedAt === null)).toBe(true);
    const plan = await made.up(true);
    expect(plan.map((step) => step.number)).toEqual(STEPS.map((step) => step.number));
    expect(plan[0]?.actions[0]).toContain(`create unique index ${NOTIFICATIONS}.`);
    expect(await present()).toEqual([]);
    expect(await made.up()).toEqual(plan);
    expect(await present()).toEqual(ALL);
    expect((await made.status()).every((step) => !Number.isNaN(Date.parse(step.appliedAt ?? '')))).toBe(true);
    expect(await made.up()).toEqual([]);
  });

  test('down and up under a filled database lose nothing', async () => {
    const { store } = await open(true);
    const drafts = Array.from({ length: 60 }, (_, n) => draftOf({ id: `r${n}`, createdAt: Date.now(), channels: ['email', 'webhook'] }));
    await store.accept(drafts);
    const { claimed } = await store.claim({ keys: drafts.slice(0, 40), claimId: 'c', worker: 'w', leaseMs: 60_000, alone: false });
    await Promise.all(
      claimed.map((record, n) => {
        const change = n % 2 === 0 ? doneOf(record, 1, Date.now()) : restOf(record, 1, Date.now(), 'dead');
        return store.commit(leaseOn(record), change);
      }),
    );
    const before = await documents();
    expect(before).toHaveLength(60);
    const made = await migrations();
    expect((await made.down(0, true)).length).toBe(STEPS.length);
    expect(await present()).toEqual(ALL);
    expect((await made.down(null)).map((step) => step.number)).toEqual([STEPS.at(-1)?.number]);
    expect((await made.down(0)).length).toBe(STEPS.length - 1);
    expect(await present()).toEqual([]);
    expect(await documents()).toEqual(before);
    await made.up();
    expect(await present()).toEqual(ALL);
    expect(await documents()).toEqual(before);
    const [again] = await store.accept(drafts.slice(0, 1));
    expect(again?.outcome).toBe('repeat');
  });

  test('a change of shape goes up and down with the records in place', async () => {
    const rename = (from: string, to: string): Action => ({
      says: `rename ${from} to ${to}`,
      run: (database) => database.collection(NOTIFICATIONS).updateMany({ [from]: { $exists: true } }, { $rename: { [from]: to } }),
    });
    const renaming: Step = { number: 1000, name: 'a name', up: [rename('principal', 'by')], down: [rename('by', 'principal')] };
    const { store } = await open(true);
    await store.accept([draftOf({ id: 'a', createdAt: Date.now() })]);
    const before = await documents();
    const made = await migrations([...STEPS, renaming]);
    await made.up();
    expect((await documents())[0]).toMatchObject({ by: 'tester' });
    // The older version sees that somebody was further on, and leaves what it does not know alone.
    const older = await migrations();
    expect((await older.status()).at(-1)).toMatchObject({ number: 1000, name: 'a name' });
    await expect(older.down(0)).rejects.toMatchObject({ code: 'conflict' });
    await made.down(null);
    expect(await documents()).toEqual(before);
  });

  test('duplicates in the data stop the step that would forbid them, and say so', async () => {
    const made = await migrations();
    const copies = ['a', 'b'].map((id) => ({ _id: id, tenant: 't', deliveries: [{ id: 'the same' }] }));
    await pool.run((database) => database.collection<{ _id: string }>(NOTIFICATIONS).insertMany(copies));
    await expect(made.up()).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('duplicates') });
    expect((await made.status())[0]?.appliedAt).toBeNull();
  });

  test('of two who migrate at once one is refused, and the other one’s end frees the way', async () => {
    let release: () => void = () => {};
    let begun: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const entered = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const waiting: Action = {
      says: 'wait',
      run: async () => {
        begun();
        await held;
      },
    };
    const slow = await migrations([{ number: 1, name: 'slow', up: [waiting], down: [] }]);
    const other = await migrations();
    const running = slow.up();
    await entered;
    await expect(other.up()).rejects.toMatchObject({ code: 'migration-under-way' });
    release();
    await running;
    await other.up();
  });
});
