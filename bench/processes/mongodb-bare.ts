/** Contestants "findOneAndUpdate", "insertOne" and "updateOne": what most would write, through the driver alone; one command an item. */
import { randomUUID } from 'node:crypto';
import { mongo } from 'mongoose';
import type * as ErrorsModule from '../../src/adapters/mongo/errors.js';
import type * as ModelModule from '../../src/adapters/mongo/model.js';
import type { WorkRecord } from '../../src/ports/record.js';
import { doneOf } from '../../tests/contracts/drafts.js';
import { built } from '../built.js';
import { Inexact } from '../case.js';
import { serve } from '../child.js';
import { Exactly } from '../exact.js';
import { meter } from '../meter.js';
import {
  type Claimed,
  type ClaimPass,
  claiming,
  draftNo,
  LEASE_MS,
  lanes,
  type Opening,
  seqOf,
  TENANT,
  type WritePass,
  type Written,
} from './mongodb.js';

const { isPassing } = await built<typeof ErrorsModule>('adapters/mongo/errors.js');
const { NOTIFICATIONS, RECORD_FIELDS, documentId, fromDraft, toRecord } = await built<typeof ModelModule>('adapters/mongo/model.js');

type Document = ModelModule.NotificationDocument;

const GAVE_WAY = Symbol('gave way');

let client: mongo.MongoClient;
let connections = 1;
let notifications: mongo.Collection<Document>;

async function open(opening: Opening): Promise<void> {
  connections = opening.connections;
  client = new mongo.MongoClient(opening.uri, {
    appName: 'bench',
    maxPoolSize: connections,
    serverMonitoringMode: 'poll',
    writeConcern: { w: 'majority', journal: true },
    ignoreUndefined: true,
  });
  await client.connect();
  notifications = client.db().collection<Document>(NOTIFICATIONS);
  await Promise.all(Array.from({ length: connections }, () => client.db().command({ ping: 1 })));
}

/** Due and not leased, by the client's clock: a filter knows no other on every server. */
function claimable(now: number): mongo.Filter<Document> {
  return {
    status: { $in: ['queued', 'scheduled', 'deferred', 'processing'] },
    dueAt: { $gt: 0, $lte: now },
    $or: [{ lockedUntil: null }, { lockedUntil: { $lte: now } }],
  };
}

/** The same fields as ours. */
function leased(worker: string, now: number): mongo.UpdateFilter<Document> {
  return {
    $set: {
      lockedBy: worker,
      lockedAt: now,
      lockedUntil: now + LEASE_MS,
      claimId: randomUUID(),
      lastSeq: 0,
      commits: [],
      publish: 'pending',
      publishedAt: null,
      updatedAt: now,
    },
    $inc: { lockToken: 1, claims: 1, barrenClaims: 1, version: 1 },
  };
}

/** Each of the keys by itself, as many at a time as there are connections. */
function claimById({ worker, batches }: ClaimPass): Promise<Claimed> {
  const seqs = batches.flat();
  return claiming((claimed) =>
    lanes(seqs.length, connections, async (place) => {
      const now = Date.now();
      const _id = documentId({ tenant: TENANT, id: draftNo(seqs[place] as number).id });
      const found = await notifications.findOneAndUpdate({ _id, ...claimable(now) }, leased(worker, now), {
        returnDocument: 'after',
        projection: RECORD_FIELDS,
      });
      if (found !== null) claimed(toRecord(found).id);
    }),
  );
}

/** Whichever is due next, until none is left: the store as its own queue. */
function claimNext({ worker }: ClaimPass): Promise<Claimed> {
  return claiming(async (claimed) => {
    const lane = async (): Promise<void> => {
      for (;;) {
        const now = Date.now();
        // `publish` and `priority` lead to the index that our own adapter has for what is due.
        const update = notifications.findOneAndUpdate({ publish: 'pending', priority: 'normal', ...claimable(now) }, leased(worker, now), {
          sort: { dueAt: 1 },
          returnDocument: 'after',
          projection: RECORD_FIELDS,
        });
        // All want the same record: of two that wait for each other the server lets one give way, which then asks again.
        const found = await update.catch((error: unknown) => (isPassing(error) ? GAVE_WAY : Promise.reject(error)));
        if (found === null) return;
        if (found !== GAVE_WAY) claimed(toRecord(found).id);
      }
    };
    await Promise.all(Array.from({ length: connections }, lane));
  });
}

async function write({ items, inFlight }: WritePass): Promise<Written> {
  const accepting = meter();
  await lanes(items, inFlight, async (seq) => {
    await notifications.insertOne(fromDraft(draftNo(seq), Date.now(), randomUUID()) as mongo.OptionalUnlessRequiredId<Document>);
  });
  const accept = accepting();
  await notifications.updateMany({}, leased('bench', Date.now()));
  const records = (await notifications.find({}, { projection: RECORD_FIELDS }).toArray()).map(toRecord);
  const committing = meter();
  await lanes(items, inFlight, (place) => commit(records[place] as WorkRecord));
  return { accept, commit: committing() };
}

async function commit(record: WorkRecord): Promise<void> {
  const now = Date.now();
  const { status, dueAt, deliveries, ledger, events } = doneOf(record, 1, now);
  const update = {
    $set: { status, dueAt, deliveries, updatedAt: now, barrenClaims: 0, lastSeq: 1, lockedBy: null, lockedAt: null, lockedUntil: null },
    $inc: { version: 1 },
    $push: {
      ledger: { $each: ledger },
      events: { $each: events.map(({ detail, ...event }) => ({ ...event, detail: JSON.stringify(detail) })) },
      commits: { token: record.lockToken, seq: 1, version: record.version + 1 },
      deliveredOps: { $each: ledger.map(({ operationId }) => operationId) },
    },
  } as unknown as mongo.UpdateFilter<Document>;
  const filter = { _id: documentId(record), lockedBy: record.lockedBy, lockToken: record.lockToken };
  const { matchedCount } = await notifications.updateOne(filter, update);
  if (matchedCount !== 1) throw new Inexact(`commit of ${record.id}: ${matchedCount} matched`);
}

/** Looks at what any contestant left: every item claimed exactly once, and delivered once where that was asked for. */
async function check({ items, what, delivered }: { items: number; what: string; delivered: boolean }): Promise<void> {
  const seen = new Exactly(items);
  for await (const document of notifications.find({ tenant: TENANT })) {
    const { id, lockToken, claims, status, ledger, deliveredOps = [] } = document;
    const once = lockToken === 1 && claims === 1;
    const settled = status === 'delivered' && ledger.length === 1 && deliveredOps.length === 1;
    if (!once || delivered !== settled) {
      throw new Inexact(`${what}: ${id} has token ${lockToken}, ${claims} claims, ${ledger.length} outcomes and is ${status}`);
    }
    seen.tick(seqOf(id));
  }
  seen.check(what);
}

async function drop(): Promise<void> {
  await client.db().dropDatabase();
}

serve({ open, claimById, claimNext, write, check, drop, close: () => client.close() });
