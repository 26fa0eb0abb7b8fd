import { expect, test } from '@jest/globals';
import { deferralOf, doneOf, eventOf, intentOf, leaseOn } from './drafts.js';
import { LEASE_MS, type MakeStore, type StoreFeatures, StoreTester } from './harness.js';

/** `amend` of a `RecordStore`. */
export function amendContract(features: StoreFeatures, make: MakeStore): void {
  const t = new StoreTester(make);

  test('an amendment writes, and raises version and token', async () => {
    const record = await t.accept('a');
    const { seq: _seq, release: _release, ...change } = deferralOf(record, 1, t.now() + 2000);
    const result = await t.store.amend(record, { ...change, version: record.version, cancelRequestedAt: null });
    if (result.outcome !== 'applied') throw new Error(result.outcome);
    expect(result.record).toMatchObject({ status: 'deferred', lockToken: record.lockToken + 1, publish: 'pending', dueAt: change.dueAt });
    expect(result.record.version).toBeGreaterThan(record.version);
    expect(result.record.deliveries).toEqual(change.deliveries);
    expect(result.record).toEqual(await t.get(record));
    expect((await t.reader.history(record)).events.slice(1)).toEqual(change.events);
  });

  test('an amendment of another version than the present one is a conflict; of ten at once, one is applied', async () => {
    const record = await t.accept('a');
    const { seq: _seq, release: _release, ...change } = deferralOf(record, 1, t.now());
    const amendment = { ...change, version: record.version, cancelRequestedAt: null };
    const results = await Promise.all(Array.from({ length: 10 }, () => t.store.amend(record, amendment)));
    expect(results.map((result) => result.outcome).sort()).toEqual(['applied', ...Array.from({ length: 9 }, () => 'conflict')]);
    expect((await t.reader.history(record)).events).toHaveLength(2);
  });

  test('an amendment is refused while a lease is live, and where there is no record', async () => {
    const held = await t.claim(await t.accept('a'));
    const { seq: _seq, release: _release, ...change } = deferralOf(held, 1, t.now());
    const amendment = { ...change, version: held.version, cancelRequestedAt: null };
    expect(await t.store.amend(held, amendment)).toEqual({ outcome: 'leased' });
    expect(await t.get(held)).toEqual(held);
    expect(await t.store.amend({ tenant: 't', id: 'missing' }, amendment)).toEqual({ outcome: 'missing' });
    expect(await t.store.amend({ tenant: 'another', id: 'a' }, amendment)).toEqual({ outcome: 'missing' });
  });

  test('an amendment after a lease ran out fences its holder', async () => {
    const held = await t.claim(await t.accept('a'));
    await t.pass(LEASE_MS);
    const { seq: _seq, release: _release, ...change } = doneOf(held, 1, t.now());
    const result = await t.store.amend(held, {
      ...change,
      status: 'cancelled',
      version: held.version,
      cancelRequestedAt: t.now(),
      ledger: [],
    });
    expect(result).toMatchObject({ outcome: 'applied', record: { status: 'cancelled', dueAt: null, lockToken: 2 } });
    expect(await t.store.commit(leaseOn(held), doneOf(held, 1, t.now()))).toEqual({ applied: false });
    expect(await t.store.renew([leaseOn(held)], LEASE_MS)).toEqual([]);
    expect(await t.get(held)).toMatchObject({ status: 'cancelled', lockedUntil: null });
  });

  (features.stillClock ? test : test.skip)('an amendment and a claim at once: the later one sees the earlier', async () => {
    const record = await t.accept('a');
    const { seq: _seq, release: _release, ...change } = deferralOf(record, 1, t.now());
    const amend = () => t.store.amend(record, { ...change, version: record.version, cancelRequestedAt: null });
    const [amended, claim] = await Promise.all([amend(), t.store.claim(t.claimRequest([record]))]);
    if (amended.outcome === 'applied') expect(claim.claimed[0]?.lockToken).toBe(2);
    else expect(claim.claimed[0]?.lockToken).toBe(1);
  });
}

/** `requestCancel` of a `RecordStore`. */
export function cancelContract(make: MakeStore): void {
  const t = new StoreTester(make);

  test('a cancel request on a leased record is set once, and its holder sees it at the next commit', async () => {
    const held = await t.claim(await t.accept('a'));
    const first = await t.store.requestCancel(held, eventOf('cancel-requested', t.now()));
    expect(first?.cancelRequestedAt).not.toBeNull();
    expect(first).toEqual(await t.get(held));
    await t.pass(10);
    expect(await t.store.requestCancel(held, eventOf('cancel-requested', t.now()))).toEqual(first);
    expect((await t.reader.history(held)).events).toHaveLength(2);
    const result = await t.store.commit(leaseOn(held), intentOf(held, 1, t.now()));
    expect(result).toMatchObject({ applied: true, cancelRequestedAt: first?.cancelRequestedAt });
  });

  test('there is nothing to cancel at rest, or where there is no record', async () => {
    const held = await t.claim(await t.accept('a'));
    await t.store.commit(leaseOn(held), doneOf(held, 1, t.now()));
    const stored = await t.get(held);
    expect(await t.store.requestCancel(held, eventOf('cancel-requested', t.now()))).toBeNull();
    expect(await t.store.requestCancel({ tenant: 't', id: 'missing' }, eventOf('cancel-requested', t.now()))).toBeNull();
    expect(await t.get(held)).toEqual(stored);
  });
}
