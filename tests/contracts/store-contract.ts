import { describe, expect, test } from '@jest/globals';
import { SUSPECT_AFTER } from '../../src/ports/store.js';
import { deferralOf, deliveryIn, doneOf, leaseOn } from './drafts.js';
import { LEASE_MS, type MakeStore, type StoreFeatures, StoreTester } from './harness.js';
import { amendContract, cancelContract } from './store-amend-contract.js';
import { commitContract, renewContract } from './store-lease-contract.js';

const WORKERS = ['worker-1', 'worker-2', 'worker-3', 'worker-4', 'worker-5'];

/** What every `RecordStore` promises. */
export function storeContract(features: StoreFeatures, make: MakeStore): void {
  describe('RecordStore', () => {
    describe('accept', () => acceptContract(features, make));
    describe('claim', () => claimContract(features, make));
    describe('renew', () => renewContract(features, make));
    describe('commit', () => commitContract(features, make));
    describe('amend', () => amendContract(features, make));
    describe('requestCancel', () => cancelContract(make));
  });
}

function acceptContract(features: StoreFeatures, make: MakeStore): void {
  const t = new StoreTester(make);

  test('a new record is created, pending, free, and reads back as it was answered', async () => {
    const draft = t.draft('a', { channels: ['email', 'webhook', 'a-third'] });
    const [result] = await t.store.accept([draft]);
    const { events, deliveries, dueAt, ...offered } = draft;
    // Due at once: at the store's now, where that is before the draft's.
    const due = features.stillClock ? dueAt : (result?.record.dueAt ?? 0);
    expect(due).toBeLessThanOrEqual(draft.createdAt);
    expect(due).toBeGreaterThan(draft.createdAt - 10_000);
    expect(result?.outcome).toBe('created');
    expect(result?.record).toMatchObject({ ...offered, dueAt: due, publish: 'pending', publishedAt: null, cancelRequestedAt: null });
    expect(result?.record).toMatchObject({ lockedBy: null, lockToken: 0, lockedAt: null, lockedUntil: null, claims: 0, barrenClaims: 0 });
    expect(result?.record.deliveries).toEqual(deliveries.map((delivery) => ({ ...delivery, dueAt: due })));
    expect(await t.get(draft)).toEqual(result?.record);
    expect((await t.reader.history(draft)).events).toEqual(events);
  });

  test('the same key with the same fingerprint is a repeat and answers with what is stored', async () => {
    const record = await t.accept('a');
    const [result] = await t.store.accept([t.draft('a', { body: 'ignored', createdAt: t.now() + 5 })]);
    expect(result).toEqual({ outcome: 'repeat', record });
  });

  test('the same key with another fingerprint is a conflict and changes nothing', async () => {
    const record = await t.accept('a');
    const [result] = await t.store.accept([t.draft('a', { fingerprint: 'another', body: 'another' })]);
    expect(result).toEqual({ outcome: 'conflict', record });
    expect(await t.get(record)).toEqual(record);
    expect((await t.reader.history(record)).events).toHaveLength(1);
  });

  test('results come in the order of the drafts, also where a key is in the call twice', async () => {
    await t.accept('b');
    const results = await t.store.accept([t.draft('c'), t.draft('b'), t.draft('a'), t.draft('c'), t.draft('a', { fingerprint: 'x' })]);
    expect(results.map((result) => [result.record.id, result.outcome])).toEqual([
      ['c', 'created'],
      ['b', 'repeat'],
      ['a', 'created'],
      ['c', 'repeat'],
      ['a', 'conflict'],
    ]);
  });

  test('of fifty concurrent accepts of one key, one is created', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => t.store.accept([t.draft('a')])));
    const outcomes = answers.flat().map((result) => result.outcome);
    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'repeat')).toHaveLength(49);
    expect((await t.reader.history({ tenant: 't', id: 'a' })).events).toHaveLength(1);
  });

  test('one id under two tenants is two records', async () => {
    await t.accept('a', { tenant: 'north', body: 'of north' });
    await t.accept('a', { tenant: 'south', body: 'of south' });
    expect((await t.get({ tenant: 'north', id: 'a' })).payload).toMatchObject({ body: 'of north' });
    expect((await t.get({ tenant: 'south', id: 'a' })).payload).toMatchObject({ body: 'of south' });
    expect(await t.reader.get({ tenant: 'east', id: 'a' })).toBeNull();
  });

  test('text of every script comes back as it was', async () => {
    const body = 'naïve ‮rtl‬ 👩‍👩‍👧 𝕊   \u0001 "quotes" \\ \n\t é é \uFFFD';
    const draft = t.draft('ключ-🔑', { body, userId: 'ユーザー', tenant: 'мета' });
    await t.store.accept([draft]);
    const record = await t.get(draft);
    expect(record.payload).toEqual(draft.payload);
    expect(record).toMatchObject({ id: 'ключ-🔑', tenant: 'мета', userId: 'ユーザー' });
  });

  test('payloads keep their shape: nesting, empty things, large and small numbers, no null for nothing', async () => {
    const payload = { list: [1, [], {}, null, 'a'], deep: { a: { b: { c: 0.1 } } }, big: Number.MAX_SAFE_INTEGER, small: -1e-9, no: false };
    await t.store.accept([{ ...t.draft('a'), payload }]);
    expect((await t.get({ tenant: 't', id: 'a' })).payload).toEqual(payload);
  });

  test('what is due at once by a clock that runs ahead is due now', async () => {
    const ahead = t.now() + 3_600_000;
    const record = await t.accept('a', { createdAt: ahead, dueAt: ahead });
    expect(record.dueAt).toBeLessThanOrEqual(t.now());
    expect(deliveryIn(record).dueAt).toBe(record.dueAt);
    expect(await t.get(record)).toEqual(record);
    await t.claim(record);
  });

  test('what is scheduled for later keeps its time', async () => {
    const record = await t.accept('a', { dueAt: t.now() + 3_600_000 });
    expect(record.dueAt).toBe(record.createdAt + 3_600_000);
  });

  test('what is scheduled keeps its time also where the accepting clock has passed it already', async () => {
    const wished = t.now() + 60_000;
    const record = await t.accept('a', { createdAt: t.now() + 3_600_000, dueAt: wished });
    expect(record.dueAt).toBe(wished);
    expect(deliveryIn(record).dueAt).toBe(wished);
  });

  for (const how of ['crashed', 'closed'] as const) {
    (features.durable ? test : test.skip)(`what was accepted is there after the store was ${how} and opened again`, async () => {
      const record = await t.accept('a');
      await t.harness.restart(how);
      expect(await t.get(record)).toEqual(record);
      expect((await t.store.accept([t.draft('a')]))[0]?.outcome).toBe('repeat');
    });
  }
}

function claimContract(features: StoreFeatures, make: MakeStore): void {
  const t = new StoreTester(make);

  test('a claim leases: token, claims and barren claims rise, the wake-up is used up', async () => {
    const accepted = await t.accept('a');
    const [wakeUp] = (await t.outbox.due(10, 60_000)).wakeUps;
    if (wakeUp !== undefined) await t.outbox.published([wakeUp]);
    const { claimed, refused, now } = await t.store.claim(t.claimRequest([accepted]));
    expect(refused).toEqual([]);
    expect(claimed).toHaveLength(1);
    expect(claimed[0]).toMatchObject({ lockedBy: 'worker-1', lockToken: 1, claims: 1, barrenClaims: 1, lockedUntil: now + LEASE_MS });
    expect(claimed[0]).toMatchObject({ lockedAt: now, publish: 'pending', publishedAt: null, payload: accepted.payload });
    expect(claimed[0]?.version).toBeGreaterThan(accepted.version);
    expect(claimed[0]).toEqual(await t.get(accepted));
    if (features.stillClock) expect(now).toBe(t.now());
  });

  test('each refusal says why, and when to come again', async () => {
    const leased = await t.claim(await t.accept('leased'));
    const later = await t.accept('later', { dueAt: t.now() + 3_600_000 });
    const done = await t.claim(await t.accept('done'));
    await t.store.commit(leaseOn(done), doneOf(done, 1, t.now()));
    const keys = [{ tenant: 't', id: 'missing' }, leased, later, done];
    const { claimed, refused } = await t.store.claim(t.claimRequest(keys, { worker: 'worker-2' }));
    expect(claimed).toEqual([]);
    expect([...refused].sort((a, b) => a.why.localeCompare(b.why))).toEqual([
      { tenant: 't', id: 'done', why: 'at-rest', until: null },
      { tenant: 't', id: 'leased', why: 'leased', until: leased.lockedUntil },
      { tenant: 't', id: 'missing', why: 'missing', until: null },
      { tenant: 't', id: 'later', why: 'not-due', until: later.dueAt },
    ]);
  });

  test('nothing is leased that was not named', async () => {
    const named = await t.accept('named');
    const other = await t.accept('other');
    const foreign = await t.accept('named', { tenant: 'another' });
    await t.claim(named);
    expect(await t.get(other)).toEqual(other);
    expect(await t.get(foreign)).toEqual(foreign);
  });

  test('of five workers that claim the same fifty records at once, each record has one', async () => {
    const records = await Promise.all(Array.from({ length: 50 }, (_, n) => t.accept(`r${n}`)));
    const results = await Promise.all(WORKERS.map((worker) => t.store.claim(t.claimRequest(records, { worker }))));
    const claimed = results.flatMap((result) => result.claimed);
    expect(new Set(claimed.map((record) => record.id)).size).toBe(50);
    expect(claimed).toHaveLength(50);
    expect(claimed.every((record) => record.lockToken === 1 && record.claims === 1)).toBe(true);
    expect(results.flatMap((result) => result.refused)).toHaveLength(200);
  });

  test('a claim that is repeated under its id gives back what it holds and leases nothing twice', async () => {
    const record = await t.accept('a');
    const other = await t.accept('b');
    const request = t.claimRequest([record, other, record]);
    const first = await t.store.claim(request);
    const second = await t.store.claim(request);
    const byId = (records: typeof first.claimed) => [...records].sort((a, b) => a.id.localeCompare(b.id));
    expect(first.claimed).toHaveLength(2);
    expect(byId(second.claimed)).toEqual(byId(first.claimed));
    expect(second.refused).toEqual([]);
  });

  test('a claim that comes again after its lease was given back leases nothing', async () => {
    const accepted = await t.accept('a');
    const request = t.claimRequest([accepted]);
    const [held] = (await t.store.claim(request)).claimed;
    if (held === undefined) throw new Error('not claimed');
    await t.store.commit(leaseOn(held), deferralOf(held, 1, t.now()));
    expect((await t.store.claim(request)).claimed).toEqual([]);
    expect(await t.get(accepted)).toMatchObject({ lockedBy: null, claims: 1, lockToken: 1 });
    expect((await t.claim(accepted)).lockToken).toBe(2);
  });

  test('when a lease runs out another worker may take the record, under a higher token', async () => {
    const held = await t.claim(await t.accept('a'));
    const early = await t.store.claim(t.claimRequest([held], { worker: 'worker-2' }));
    expect(early.claimed).toEqual([]);
    await t.pass(LEASE_MS);
    const taken = await t.claim(held, { worker: 'worker-2' });
    expect(taken).toMatchObject({ lockedBy: 'worker-2', lockToken: 2, claims: 2, barrenClaims: 2 });
  });

  test('what was scheduled can be claimed when its time has come, and not before', async () => {
    const record = await t.accept('a', { dueAt: t.now() + 2000 });
    await t.pass(500);
    expect((await t.store.claim(t.claimRequest([record]))).claimed).toEqual([]);
    await t.pass(1500);
    await t.claim(record);
  });

  test('a record whose claims led to nothing is suspect, and claimed only alone', async () => {
    const record = await t.accept('a');
    for (let n = 0; n < SUSPECT_AFTER; n += 1) {
      await t.claim(record);
      await t.pass(LEASE_MS);
    }
    const { claimed, refused } = await t.store.claim(t.claimRequest([record]));
    expect(claimed).toEqual([]);
    expect(refused).toMatchObject([{ id: 'a', why: 'suspect' }]);
    expect(await t.claim(record, { alone: true })).toMatchObject({ claims: SUSPECT_AFTER + 1, barrenClaims: SUSPECT_AFTER + 1 });
  });
}
