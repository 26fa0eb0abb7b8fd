import { expect, test } from '@jest/globals';
import type { CommitResult } from '../../src/ports/store.js';
import { deferralOf, deliveryIn, doneOf, intentOf, leaseOn } from './drafts.js';
import { LEASE_MS, type MakeStore, type StoreFeatures, StoreTester } from './harness.js';

/** `renew` of a `RecordStore`. */
export function renewContract(features: StoreFeatures, make: MakeStore): void {
  const t = new StoreTester(make);

  test('a renewal extends the lease from now', async () => {
    const held = await t.claim(await t.accept('a'));
    await t.pass(1000);
    const before = t.now();
    expect(await t.store.renew([leaseOn(held)], LEASE_MS)).toEqual([leaseOn(held)]);
    const { lockedUntil, lockToken } = await t.get(held);
    expect(lockToken).toBe(1);
    expect(lockedUntil).toBeGreaterThanOrEqual(before + LEASE_MS);
    if (features.stillClock) expect(lockedUntil).toBe(before + LEASE_MS);
  });

  test('a lease that ran out is renewed while nobody has taken the record', async () => {
    const held = await t.claim(await t.accept('a'));
    await t.pass(LEASE_MS + 1);
    expect(await t.store.renew([leaseOn(held)], LEASE_MS)).toEqual([leaseOn(held)]);
    expect((await t.store.claim(t.claimRequest([held], { worker: 'worker-2' }))).claimed).toEqual([]);
  });

  test('a lease is not renewed after a takeover, after it was given back, or where there is none', async () => {
    const lost = await t.claim(await t.accept('lost'), { worker: 'worker-1' });
    await t.pass(LEASE_MS);
    await t.claim(lost, { worker: 'worker-2' });
    const given = await t.claim(await t.accept('given'));
    await t.store.commit(leaseOn(given), deferralOf(given, 1, t.now()));
    const kept = await t.claim(await t.accept('kept'));
    const missing = { ...leaseOn(kept), id: 'missing' };
    const renewed = await t.store.renew([leaseOn(lost), leaseOn(given), missing, leaseOn(kept)], LEASE_MS);
    expect(renewed).toEqual([leaseOn(kept)]);
    expect(await t.get(lost)).toMatchObject({ lockedBy: 'worker-2' });
    expect(await t.get(given)).toMatchObject({ lockedUntil: null });
  });
}

/** `commit` of a `RecordStore`. */
export function commitContract(features: StoreFeatures, make: MakeStore): void {
  const t = new StoreTester(make);

  test('an intent and then an outcome are written, each with its ledger line and event', async () => {
    const held = await t.claim(await t.accept('a', { channels: ['email', 'webhook'] }));
    const intent = intentOf(held, 1, t.now());
    const done = doneOf(held, 2, t.now());
    const first = await t.store.commit(leaseOn(held), intent);
    const between = await t.get(held);
    expect(first).toEqual({ applied: true, version: between.version, cancelRequestedAt: null });
    expect(between).toMatchObject({ status: 'processing', lockedBy: 'worker-1', barrenClaims: 0, claims: 1 });
    expect(between.deliveries).toEqual([...intent.deliveries, deliveryIn(held, 'webhook')]);
    const second = await t.store.commit(leaseOn(held), done);
    const after = await t.get(held);
    expect(second).toEqual({ applied: true, version: after.version, cancelRequestedAt: null });
    expect(after.version).toBeGreaterThan(between.version);
    expect(after).toMatchObject({ status: 'delivered', dueAt: null, lockedBy: null, lockedAt: null, lockedUntil: null, lockToken: 1 });
    expect(after.deliveries).toEqual([...done.deliveries, deliveryIn(held, 'webhook')]);
    const history = await t.reader.history(held);
    expect(history.ledger).toEqual([...intent.ledger, ...done.ledger]);
    expect(history.events.slice(1)).toEqual([...intent.events, ...done.events]);
  });

  test('a release leaves an open record free, pending again, and due when the change says', async () => {
    const held = await t.claim(await t.accept('a'));
    const dueAt = t.now() + 2000;
    await t.store.commit(leaseOn(held), deferralOf(held, 1, dueAt));
    expect(await t.get(held)).toMatchObject({
      status: 'deferred',
      dueAt,
      publish: 'pending',
      lockedUntil: null,
      barrenClaims: 0,
      claims: 1,
    });
    await t.pass(2000);
    expect(await t.claim(held)).toMatchObject({ lockToken: 2, claims: 2, barrenClaims: 1 });
  });

  test('a commit that is repeated is answered like the first time and applied once, also when it gave the lease back', async () => {
    const held = await t.claim(await t.accept('a'));
    const changes = [intentOf(held, 1, t.now()), doneOf(held, 2, t.now())];
    for (const change of changes) {
      const first = await t.store.commit(leaseOn(held), change);
      const stored = await t.get(held);
      expect(first.applied).toBe(true);
      expect(await t.store.commit(leaseOn(held), change)).toEqual(first);
      expect(await t.get(held)).toEqual(stored);
    }
    expect((await t.store.commit(leaseOn(held), intentOf(held, 1, t.now()))).applied).toBe(true);
    const history = await t.reader.history(held);
    expect(history.ledger).toHaveLength(2);
    expect(history.events).toHaveLength(3);
  });

  test('a commit that was given up and comes after its successor is not laid over it', async () => {
    const held = await t.claim(await t.accept('a'));
    await t.store.commit(leaseOn(held), { ...intentOf(held, 2, t.now()), ledger: [] });
    const stored = await t.get(held);
    expect(await t.store.commit(leaseOn(held), deferralOf(held, 1, t.now()))).toEqual({ applied: false });
    expect(await t.get(held)).toEqual(stored);
    expect((await t.store.commit(leaseOn(held), doneOf(held, 12, t.now()))).applied).toBe(true);
  });

  test('of one commit sent ten times at once, one is written', async () => {
    const held = await t.claim(await t.accept('a'));
    const change = doneOf(held, 1, t.now());
    const answers = await Promise.all(Array.from({ length: 10 }, () => t.store.commit(leaseOn(held), change)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect((await t.reader.history(held)).ledger).toHaveLength(1);
  });

  test('a new claim starts counting its commits from one', async () => {
    const held = await t.claim(await t.accept('a'));
    await t.store.commit(leaseOn(held), intentOf(held, 1, t.now()));
    await t.store.commit(leaseOn(held), deferralOf(held, 2, t.now()));
    const again = await t.claim(held, { worker: 'worker-2' });
    expect((await t.store.commit(leaseOn(again), doneOf(again, 1, t.now()))).applied).toBe(true);
    expect((await t.get(held)).status).toBe('delivered');
  });

  test('a commit after a takeover is stale and writes nothing', async () => {
    const lost = await t.claim(await t.accept('a'), { worker: 'worker-1' });
    await t.store.commit(leaseOn(lost), intentOf(lost, 1, t.now()));
    await t.pass(LEASE_MS);
    const taken = await t.claim(lost, { worker: 'worker-2' });
    const history = await t.reader.history(lost);
    expect(await t.store.commit(leaseOn(lost), doneOf(lost, 2, t.now()))).toEqual({ applied: false });
    // Whatever it is told of what was applied before, nothing is written.
    await t.store.commit(leaseOn(lost), intentOf(lost, 1, t.now()));
    expect(await t.get(lost)).toEqual(taken);
    expect(await t.reader.history(lost)).toEqual(history);
  });

  test('a new commit after the lease was given back is stale, and so is one where there is no record', async () => {
    const held = await t.claim(await t.accept('a'));
    await t.store.commit(leaseOn(held), deferralOf(held, 1, t.now()));
    expect(await t.store.commit(leaseOn(held), doneOf(held, 2, t.now()))).toEqual({ applied: false });
    expect(await t.store.commit({ ...leaseOn(held), id: 'missing' }, doneOf(held, 2, t.now()))).toEqual({ applied: false });
    expect((await t.get(held)).status).toBe('deferred');
  });

  test('a holder whose lease ran out and whom nobody replaced may still commit', async () => {
    const held = await t.claim(await t.accept('a'));
    await t.pass(LEASE_MS * 2);
    expect((await t.store.commit(leaseOn(held), doneOf(held, 1, t.now()))).applied).toBe(true);
  });

  test('when the holder commits and another worker claims in the same moment, only one of them has its way', async () => {
    for (let n = 0; n < 20; n += 1) {
      const held = await t.claim(await t.accept(`r${n}`));
      await t.pass(features.stillClock ? LEASE_MS : 0);
      const commit = (): Promise<CommitResult> => t.store.commit(leaseOn(held), doneOf(held, 1, t.now()));
      const claim = () => t.store.claim(t.claimRequest([held], { worker: 'worker-2' }));
      const [committed, claimed] =
        n % 2 === 0 ? await Promise.all([commit(), claim()]) : await Promise.all([claim(), commit()]).then(([a, b]) => [b, a] as const);
      expect(committed.applied).toBe(claimed.claimed.length === 0);
      expect((await t.get(held)).status).toBe(committed.applied ? 'delivered' : 'queued');
    }
  });

  test('a second delivered outcome of one operation is a conflict, nothing of it is stored, and its neighbours are', async () => {
    const held = await t.claim(await t.accept('a'));
    const done = doneOf(held, 1, t.now());
    await t.store.commit(leaseOn(held), { ...done, release: false });
    const before = await t.get(held);
    const neighbours = await Promise.all(['b', 'c'].map(async (id) => t.claim(await t.accept(id))));
    const [first, second, third] = await Promise.allSettled([
      ...neighbours.slice(0, 1).map((record) => t.store.commit(leaseOn(record), doneOf(record, 1, t.now()))),
      t.store.commit(leaseOn(held), { ...done, seq: 2 }),
      ...neighbours.slice(1).map((record) => t.store.commit(leaseOn(record), doneOf(record, 1, t.now()))),
    ]);
    expect(first).toMatchObject({ status: 'fulfilled', value: { applied: true } });
    expect(second).toMatchObject({ status: 'rejected', reason: { name: 'SignalboxError', code: 'conflict' } });
    expect(third).toMatchObject({ status: 'fulfilled', value: { applied: true } });
    expect(await t.get(held)).toEqual(before);
    expect((await t.reader.history(held)).ledger).toEqual(done.ledger);
    // The lease is as good as before.
    expect((await t.store.commit(leaseOn(held), { ...done, seq: 2, ledger: [] })).applied).toBe(true);
  });

  test('outcomes other than delivered may follow one another', async () => {
    const held = await t.claim(await t.accept('a'));
    const { ledger, ...change } = doneOf(held, 1, t.now());
    const unknown = ledger.map((line) => ({ ...line, result: 'unknown' as const }));
    await t.store.commit(leaseOn(held), { ...change, ledger: unknown, release: false });
    await t.store.commit(leaseOn(held), { ...change, seq: 2, ledger: unknown, release: false });
    await t.store.commit(leaseOn(held), { ...change, seq: 3, ledger });
    expect((await t.reader.history(held)).ledger).toEqual([...unknown, ...unknown, ...ledger]);
  });

  (features.durable ? test : test.skip)('a lease and its commits outlive a crash', async () => {
    const held = await t.claim(await t.accept('a'));
    const intent = intentOf(held, 1, t.now());
    const first = await t.store.commit(leaseOn(held), intent);
    await t.harness.restart('crashed');
    expect(await t.store.commit(leaseOn(held), intent)).toEqual(first);
    expect((await t.store.commit(leaseOn(held), doneOf(held, 2, t.now()))).applied).toBe(true);
    expect((await t.reader.history(held)).ledger).toHaveLength(2);
  });
}
