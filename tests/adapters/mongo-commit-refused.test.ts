import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { mongo } from 'mongoose';
import { type Commit, commitBatch } from '../../src/adapters/mongo/commit.js';
import { documentId, NOTIFICATIONS, type NotificationDocument, type Notifications } from '../../src/adapters/mongo/model.js';
import { SignalboxError } from '../../src/errors.js';
import type { WorkRecord } from '../../src/ports/record.js';
import { doneOf, draftOf, leaseOn } from '../contracts/drafts.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { type MongoHarness, makeMongo } from './mongo-harness.js';

const LEASE_MS = 60_000;
type Rows = mongo.Collection<NotificationDocument>;

describeWith(await serverOrSkip('mongodb'), 'A batch of commits on MongoDB in which two faults meet', (server) => {
  let harness: MongoHarness;
  beforeEach(async () => {
    harness = await makeMongo(server.uri);
  });
  afterEach(() => harness.dispose());

  async function leased(...ids: readonly string[]): Promise<readonly WorkRecord[]> {
    const drafts = ids.map((id) => draftOf({ id, createdAt: harness.now() }));
    await harness.store.accept(drafts);
    return (await harness.store.claim({ keys: drafts, claimId: 'c', worker: 'w', leaseMs: LEASE_MS, alone: false })).claimed.toSorted(
      (a, b) => a.id.localeCompare(b.id),
    );
  }

  test('is written one by one where it was refused, and each is answered for itself', async () => {
    const [delivered, well, stolen, gaveWay] = (await leased('a-delivered', 'b-well', 'c-stolen', 'd-gave-way')) as Four;
    await harness.store.commit(leaseOn(delivered), doneOf(delivered, 1, harness.now()));
    // The unique index refuses one: its operation is delivered under another record. Another gives way to it, unsaid.
    const conflicting = { ...doneOf(stolen, 1, harness.now()), ledger: doneOf(delivered, 1, harness.now()).ledger };
    const commits: readonly Commit[] = [
      { lease: leaseOn(well), change: doneOf(well, 1, harness.now()) },
      { lease: leaseOn(stolen), change: conflicting },
      { lease: leaseOn(gaveWay), change: doneOf(gaveWay, 1, harness.now()) },
    ];
    const written: string[][] = [];
    const verdicts = await commitBatch(losingFromBatches(harness, documentId(gaveWay), written), commits);

    expect(verdicts).toMatchObject([{ applied: true }, { code: 'conflict' }, { applied: true }]);
    expect(verdicts[1]).toBeInstanceOf(SignalboxError);
    expect(written).toEqual([[well, stolen, gaveWay].map(documentId), [documentId(stolen)], [documentId(gaveWay)]]);
    const now = await Promise.all([well, stolen, gaveWay].map((record) => harness.reader.get(record)));
    expect(now.map((record) => record?.status)).toEqual(['delivered', stolen.status, 'delivered']);
    // Once, although it was written down in two batches.
    const { events } = await harness.reader.history(gaveWay);
    expect(events.filter(({ name }) => name === 'delivered')).toHaveLength(1);
  });

  test('repeats to whoever repeats it what it has answered', async () => {
    const [one, other] = (await leased('a', 'b')) as readonly [WorkRecord, WorkRecord];
    const commits = [one, other].map((record) => ({ lease: leaseOn(record), change: doneOf(record, 1, harness.now()) }));
    const run: Notifications = (command) => harness.pool.run((database) => command(database.collection(NOTIFICATIONS)));
    const first = await commitBatch(run, commits);
    expect(first).toMatchObject([{ applied: true }, { applied: true }]);
    expect(await commitBatch(run, commits)).toEqual(first);
  });
});

type Four = readonly [WorkRecord, WorkRecord, WorkRecord, WorkRecord];

/**
 * The real collection, on which one document is never written by a batch: as where two writes wait for each other, one gives
 * way, and the answer names another's refusal only. `written` is told which documents each write was for.
 */
function losingFromBatches({ pool }: MongoHarness, lost: string, written: string[][]): Notifications {
  return (command) =>
    pool.run((database) => {
      const rows: Rows = database.collection(NOTIFICATIONS);
      const bulkWrite: Rows['bulkWrite'] = (operations, options) => {
        written.push(operations.map((operation) => idOf('updateOne' in operation ? operation.updateOne.filter : {})));
        return rows.bulkWrite(
          operations.filter((operation) => !('updateOne' in operation) || operation.updateOne.filter._id !== lost),
          options,
        );
      };
      const findOneAndUpdate = (...args: Parameters<Rows['findOneAndUpdate']>) => {
        written.push([idOf(args[0])]);
        return rows.findOneAndUpdate(...args);
      };
      const faulty = new Proxy(rows, {
        get(target, name) {
          if (name === 'bulkWrite') return bulkWrite;
          if (name === 'findOneAndUpdate') return findOneAndUpdate;
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      return command(faulty);
    });
}

function idOf(filter: { readonly _id?: unknown }): string {
  return String(filter._id);
}
