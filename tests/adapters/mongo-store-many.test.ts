import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { claimFilter } from '../../src/adapters/mongo/claim.js';
import { documentId, fromDraft, NOTIFICATIONS, type NotificationDocument } from '../../src/adapters/mongo/model.js';
import { notificationModel } from '../../src/adapters/mongo/notification.js';
import { dueQueries, nextQueries } from '../../src/adapters/mongo/outbox.js';
import { deliveryIn, doneOf, draftOf, eventOf, leaseOn, restOf } from '../contracts/drafts.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { planOf } from './mongo-explain.js';
import { type MongoHarness, makeMongo } from './mongo-harness.js';

const LEASE_MS = 60_000;
const CLAIMERS = 5;

describeWith(await serverOrSkip('mongodb'), 'Many processes on one MongoDB', (server) => {
  let mongo: MongoHarness;
  beforeEach(async () => {
    mongo = await makeMongo(server.uri);
  });
  afterEach(() => mongo.dispose());

  const rows = () => mongo.pool.run(async (database) => database.collection<NotificationDocument>(NOTIFICATIONS));
  const drafts = (count: number) => Array.from({ length: count }, (_, n) => draftOf({ id: `r${n}`, createdAt: mongo.now() }));

  test('five that claim overlapping batches at once never lease a record twice', async () => {
    const offered = drafts(250);
    await mongo.store.accept(offered);
    const processes = await Promise.all(Array.from({ length: CLAIMERS }, () => mongo.another()));
    const claims = processes.flatMap(({ store }, n) =>
      Array.from({ length: 5 }, (_, batch) => {
        // Each in an order of its own, so that they meet in the middle of each other's batches.
        const keys = Array.from({ length: 100 }, (__, i) => offered[(batch * 50 + (n % 2 === 0 ? i : 99 - i)) % 250] ?? fail());
        return store.claim({ keys, claimId: randomUUID(), worker: `worker-${n}`, leaseMs: LEASE_MS, alone: false });
      }),
    );
    const claimed = (await Promise.all(claims)).flatMap((result) => result.claimed);
    expect(claimed).toHaveLength(250);
    expect(new Set(claimed.map((record) => record.id)).size).toBe(250);
    expect(claimed.every((record) => record.lockToken === 1)).toBe(true);
  });

  test('of fifty accepts of one key by five processes one is created', async () => {
    const processes = await Promise.all(Array.from({ length: CLAIMERS }, () => mongo.another()));
    const answers = await Promise.all(
      Array.from(
        { length: 50 },
        (_, n) => processes[n % CLAIMERS]?.store.accept([draftOf({ id: 'one', createdAt: mongo.now() })]) ?? fail(),
      ),
    );
    const outcomes = answers.flat().map((answer) => answer.outcome);
    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'repeat')).toHaveLength(49);
    expect(await (await rows()).countDocuments()).toBe(1);
  });

  test('a planted duplicate is refused: of a record, of a delivery, of a delivered operation', async () => {
    await mongo.store.accept(drafts(2));
    const collection = await rows();
    const [first, second] = drafts(2);
    if (first === undefined || second === undefined) throw new Error('no drafts');
    const plant = (document: NotificationDocument) => expect(collection.insertOne(document)).rejects.toMatchObject({ code: 11_000 });
    await plant(fromDraft(first, mongo.now(), 'planted'));
    await plant({ ...fromDraft(first, mongo.now(), 'planted'), _id: documentId({ tenant: 't', id: 'copy' }), id: 'copy' });
    const { claimed } = await mongo.store.claim({ keys: [first], claimId: 'c', worker: 'w', leaseMs: LEASE_MS, alone: false });
    const [record] = claimed;
    if (record === undefined) throw new Error('not claimed');
    await mongo.store.commit(leaseOn(record), doneOf(record, 1, mongo.now()));
    const planted = collection.updateOne({ _id: documentId(second) }, { $set: { deliveredOps: [deliveryIn(record).operationId] } });
    await expect(planted).rejects.toMatchObject({ code: 11_000 });
  });

  test('an accept whose delivery is another record’s is a conflict, and its neighbours are stored', async () => {
    const [first, ...others] = drafts(3);
    if (first === undefined) throw new Error('no drafts');
    await mongo.store.accept([first]);
    const [refused, ...accepted] = await Promise.allSettled(
      [{ ...first, id: 'copy' }, ...others].map((draft) => mongo.store.accept([draft])),
    );
    expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'conflict' } });
    for (const result of accepted) expect(result).toMatchObject({ status: 'fulfilled', value: [{ outcome: 'created' }] });
  });

  test('one delivered operation under two records is a conflict for the second', async () => {
    const offered = drafts(2);
    const [first, second] = offered;
    if (first === undefined || second === undefined) throw new Error('no drafts');
    await mongo.store.accept(offered);
    const { claimed } = await mongo.store.claim({ keys: offered, claimId: 'c', worker: 'w', leaseMs: LEASE_MS, alone: false });
    const [a, b] = claimed;
    if (a === undefined || b === undefined) throw new Error('not claimed');
    await mongo.store.commit(leaseOn(a), doneOf(a, 1, mongo.now()));
    const stolen = { ...doneOf(b, 1, mongo.now()), ledger: doneOf(a, 1, mongo.now()).ledger };
    await expect(mongo.store.commit(leaseOn(b), stolen)).rejects.toMatchObject({ code: 'conflict' });
    expect(await mongo.reader.get(b)).toEqual(b);
  });

  test('what looks like an operator or a field is text: recipients, ids, tenants, keys of the payload', async () => {
    const base = draftOf({ id: '$tenant', tenant: '$$ROOT', userId: '$$NOW', createdAt: mongo.now() });
    const [delivery] = base.deliveries;
    if (delivery === undefined) throw new Error('no delivery');
    const named = { ...delivery, id: '$id', recipient: '$payload', operationId: '$$REMOVE' };
    const payload = { $set: { 'a.b': '$x' }, 'dotted.key': { $gt: '' }, ['__proto__']: null };
    const draft = { ...base, payload, deliveries: [named] };
    await mongo.store.accept([draft]);
    const worker = '$lockToken';
    const [held] = (await mongo.store.claim({ keys: [draft], claimId: '$claimId', worker, leaseMs: LEASE_MS, alone: false })).claimed;
    if (held === undefined) throw new Error('not claimed');
    expect(held).toMatchObject({ lockedBy: worker, payload: draft.payload, userId: '$$NOW' });
    const failure = { code: '$code', message: '$$ROOT' };
    const change = restOf(held, 1, mongo.now(), 'dead');
    const deliveries = change.deliveries.map((one) => ({ ...one, failure, fingerprint: '$fingerprint' }));
    const event = { ...eventOf('$name', 1), actor: '$actor', audit: true as const, detail: { '$k.x': '$v', operation: '$operation' } };
    const ledger = doneOf(held, 1, 5).ledger.map((line) => ({ ...line, receipt: '$receipt', failure }));
    expect(await mongo.store.commit(leaseOn(held), { ...change, deliveries, events: [event], ledger })).toMatchObject({ applied: true });
    expect((await mongo.reader.get(draft))?.deliveries).toEqual(deliveries);
    const history = await mongo.reader.history(draft);
    expect(history.events.at(-1)).toEqual(event);
    expect(history.ledger).toEqual(ledger);
    const stored = await (await rows()).findOne({ _id: documentId(draft) });
    // The model knows every field that is written, by its type.
    await new (notificationModel(mongo.pool.connection))(stored ?? {}).validate();
    expect(stored?.desk).toEqual([expect.objectContaining({ code: '$code', fingerprint: '$fingerprint' })]);
    expect(stored?.audit).toEqual([{ at: 1, action: '$name', actor: '$actor', operation: '$operation', place: 1 }]);
    expect(stored?.deliveredOps).toEqual(['$$REMOVE']);
  });

  test('what the desk shows comes and goes with the state of the delivery', async () => {
    const [draft] = drafts(1);
    if (draft === undefined) throw new Error('no draft');
    await mongo.store.accept([draft]);
    const claim = async () => {
      const request = { keys: [draft], claimId: randomUUID(), worker: 'w', leaseMs: LEASE_MS, alone: false };
      return (await mongo.store.claim(request)).claimed[0] ?? fail();
    };
    const held = await claim();
    await mongo.store.commit(leaseOn(held), restOf(held, 1, mongo.now(), 'dead'));
    const dead = (await mongo.reader.get(draft)) ?? fail();
    const dueAt = mongo.now();
    const back = { ...deliveryIn(dead), status: 'queued' as const, dueAt, settledAt: null };
    const { version } = dead;
    const amendment = { version, status: 'queued' as const, dueAt, deliveries: [back], ledger: [], events: [], cancelRequestedAt: null };
    expect(await mongo.store.amend(draft, amendment)).toMatchObject({ outcome: 'applied' });
    expect(await (await rows()).findOne({ _id: documentId(draft) })).not.toHaveProperty('desk');
    const again = await claim();
    await mongo.store.commit(leaseOn(again), restOf(again, 1, mongo.now(), 'held'));
    expect((await (await rows()).findOne({ _id: documentId(draft) }))?.desk).toMatchObject([{ status: 'held' }]);
  });

  test('what a record remembers of its commits does not grow with its claims', async () => {
    const [draft] = drafts(1);
    if (draft === undefined) throw new Error('no draft');
    await mongo.store.accept([draft]);
    for (let n = 0; n < 8; n += 1) {
      const request = { keys: [draft], claimId: randomUUID(), worker: 'w', leaseMs: LEASE_MS, alone: false };
      const held = (await mongo.store.claim(request)).claimed[0] ?? fail();
      const change = { status: 'deferred' as const, dueAt: mongo.now() - 1000, deliveries: [], ledger: [], events: [] };
      for (const seq of [1, 2, 3]) await mongo.store.commit(leaseOn(held), { ...change, seq, release: seq === 3 });
    }
    expect((await (await rows()).findOne({ _id: documentId(draft) }))?.commits).toHaveLength(6);
  });

  test('every hot query reads an index and never the whole collection', async () => {
    const now = mongo.now();
    const at = (n: number): NotificationDocument => ({
      ...fromDraft(draftOf({ id: `r${n}`, createdAt: now - 100_000 + n }), now, 'w'),
      ...(n % 2 === 0 ? { publish: 'published', publishedAt: now - 50_000 + n } : {}),
      ...(n % 10 === 0 ? {} : { dueAt: null, status: 'delivered' }),
      priority: n % 30 === 0 ? 'urgent' : 'normal',
    });
    const collection = await rows();
    for (let n = 0; n < 5000; n += 500) await collection.insertMany(Array.from({ length: 500 }, (_, i) => at(n + i)));
    const keys = Array.from({ length: 50 }, (_, n) => documentId({ tenant: 't', id: `r${n}` }));
    const queries = [
      { filter: claimFilter(keys, now), sort: {}, index: '_id_' },
      { filter: { _id: { $in: keys } }, sort: {}, index: '_id_' },
      { filter: { _id: keys[0], lockToken: 1, lockedBy: 'w', lastSeq: { $lt: 1 } }, sort: {}, index: '_id_' },
      ...dueQueries(now - 50_000, 20_000).map((query) => ({ ...query, index: indexOf(query.filter) })),
      ...nextQueries(now - 50_000, 20_000).map(({ filter, field }) => ({ filter, sort: { [field]: 1 as const }, index: indexOf(filter) })),
    ];
    for (const { filter, sort, index } of queries) {
      const plan = planOf(await collection.find(filter as object, { sort, limit: 100 }).explain());
      expect({ filter, ...plan }).toEqual({ filter, indexes: [index], scansAll: false });
    }
  });
});

function indexOf({ publish }: Readonly<Record<string, unknown>>): string {
  return String(publish);
}

function fail(): never {
  throw new Error('it is not there');
}
