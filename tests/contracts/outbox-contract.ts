import { describe, expect, test } from '@jest/globals';
import { deferralOf, doneOf, leaseOn } from './drafts.js';
import { LEASE_MS, type MakeStore, type StoreFeatures, StoreTester } from './harness.js';

const REPUBLISH_MS = 5000;

/** What every `Outbox` promises. */
export function outboxContract(features: StoreFeatures, make: MakeStore): void {
  describe('Outbox', () => {
    dueContract(features, make);
    describe('nextInMs', () => nextContract(features, make));
  });
}

function dueContract(features: StoreFeatures, make: MakeStore): void {
  const t = new StoreTester(make);
  const due = async (limit = 100): Promise<string[]> => (await t.outbox.due(limit, REPUBLISH_MS)).wakeUps.map((wakeUp) => wakeUp.id);

  test('what is accepted and due is offered with all that a wake-up needs', async () => {
    const record = await t.accept('a', { priority: 'urgent', workload: 'jobs' });
    const { wakeUps } = await t.outbox.due(10, REPUBLISH_MS);
    expect(wakeUps).toEqual([
      { tenant: 't', id: 'a', workload: 'jobs', priority: 'urgent', userId: record.userId, version: record.version },
    ]);
  });

  test('urgent comes before normal, within each the oldest due first, and no more than the limit', async () => {
    const at = t.now();
    await t.accept('newer', { createdAt: at - 1000 });
    await t.accept('urgent-newer', { priority: 'urgent', createdAt: at - 500 });
    await t.accept('older', { createdAt: at - 2000 });
    await t.accept('urgent-older', { priority: 'urgent', createdAt: at - 1500 });
    const order = ['urgent-older', 'urgent-newer', 'older', 'newer'];
    expect(await due()).toEqual(order);
    expect(await due(4)).toEqual(order);
    expect(await due(3)).toEqual(order.slice(0, 3));
    expect(await due(1)).toEqual(order.slice(0, 1));
  });

  test('what is scheduled, leased or at rest is not offered', async () => {
    await t.accept('later', { dueAt: t.now() + 3_600_000 });
    await t.claim(await t.accept('leased'));
    const done = await t.claim(await t.accept('done'));
    await t.store.commit(leaseOn(done), doneOf(done, 1, t.now()));
    expect(await due()).toEqual([]);
  });

  test('what is published is not offered again until the broker has had its time', async () => {
    await t.accept('a');
    await t.outbox.published((await t.outbox.due(10, REPUBLISH_MS)).wakeUps);
    expect(await t.get({ tenant: 't', id: 'a' })).toMatchObject({ publish: 'published' });
    expect((await t.get({ tenant: 't', id: 'a' })).publishedAt).not.toBeNull();
    expect(await due()).toEqual([]);
    await t.pass(REPUBLISH_MS - 1000);
    expect(await due()).toEqual([]);
    await t.pass(1001);
    expect(await due()).toEqual(['a']);
    await t.outbox.published((await t.outbox.due(10, REPUBLISH_MS)).wakeUps);
    expect(await due()).toEqual([]);
  });

  test('a mark is refused when the record has moved on, and its neighbours are marked', async () => {
    await t.accept('moved');
    await t.accept('still');
    const { wakeUps } = await t.outbox.due(10, REPUBLISH_MS);
    const held = await t.claim({ tenant: 't', id: 'moved' });
    await t.store.commit(leaseOn(held), deferralOf(held, 1, t.now()));
    await t.outbox.published([...wakeUps, ...wakeUps.map((wakeUp) => ({ ...wakeUp, id: 'missing' }))]);
    expect(await t.get({ tenant: 't', id: 'still' })).toMatchObject({ publish: 'published' });
    expect(await t.get({ tenant: 't', id: 'moved' })).toMatchObject({ publish: 'pending' });
    expect(await due()).toEqual(['moved']);
  });

  test('a dead worker’s record is offered when its lease runs out', async () => {
    const record = await t.accept('a');
    await t.outbox.published((await t.outbox.due(10, REPUBLISH_MS)).wakeUps);
    await t.claim(record);
    expect(await due()).toEqual([]);
    await t.pass(LEASE_MS);
    expect(await due()).toEqual(['a']);
  });

  test('what is given back or amended is offered again, when it is due', async () => {
    const held = await t.claim(await t.accept('a'));
    await t.store.commit(leaseOn(held), deferralOf(held, 1, t.now() + 1000));
    expect(await due()).toEqual([]);
    await t.pass(1000);
    expect(await due()).toEqual(['a']);
    await t.outbox.published((await t.outbox.due(10, REPUBLISH_MS)).wakeUps);
    const record = await t.get(held);
    const { seq: _seq, release: _release, ...change } = deferralOf(record, 1, t.now());
    await t.store.amend(record, { ...change, version: record.version, cancelRequestedAt: null });
    expect(await due()).toEqual(['a']);
  });

  (features.durable ? test : test.skip)('what was pending or published before a crash is so after it', async () => {
    await t.accept('published');
    await t.outbox.published((await t.outbox.due(10, REPUBLISH_MS)).wakeUps);
    await t.accept('pending');
    await t.harness.restart('crashed');
    expect(await due()).toEqual(['pending']);
  });
}

function nextContract(features: StoreFeatures, make: MakeStore): void {
  const t = new StoreTester(make);

  async function expectNext(ms: number): Promise<void> {
    const { nextInMs } = await t.outbox.due(10, REPUBLISH_MS);
    if (features.stillClock) {
      expect(nextInMs).toBe(ms);
    } else {
      expect(nextInMs).toBeLessThanOrEqual(ms);
      expect(nextInMs).toBeGreaterThan(ms - 1000);
    }
  }

  test('nothing waits: null, also when everything is at rest', async () => {
    expect(await t.outbox.due(10, REPUBLISH_MS)).toEqual({ wakeUps: [], nextInMs: null });
    const held = await t.claim(await t.accept('a'));
    await t.store.commit(leaseOn(held), doneOf(held, 1, t.now()));
    expect(await t.outbox.due(10, REPUBLISH_MS)).toEqual({ wakeUps: [], nextInMs: null });
  });

  test('the next due time, of either priority', async () => {
    await t.accept('a', { dueAt: t.now() + 90_000 });
    await expectNext(90_000);
    await t.accept('b', { dueAt: t.now() + 60_000, priority: 'urgent' });
    await expectNext(60_000);
    await t.accept('c', { dueAt: t.now() + 30_000 });
    await expectNext(30_000);
  });

  test('the end of a lease', async () => {
    await t.accept('a', { dueAt: t.now() + 90_000 });
    await t.claim(await t.accept('b'));
    await expectNext(LEASE_MS);
  });

  test('the time to publish again', async () => {
    await t.accept('a');
    await t.outbox.published((await t.outbox.due(10, REPUBLISH_MS)).wakeUps);
    await t.pass(1000);
    await expectNext(REPUBLISH_MS - 1000);
  });

  test('at the time it names there is something to do', async () => {
    await t.accept('a');
    await t.outbox.published((await t.outbox.due(10, REPUBLISH_MS)).wakeUps);
    const { nextInMs } = await t.outbox.due(10, REPUBLISH_MS);
    await t.pass(nextInMs ?? 0);
    expect((await t.outbox.due(10, REPUBLISH_MS)).wakeUps).toHaveLength(1);
  });

  test('zero when the limit cut the scan', async () => {
    await t.accept('a');
    await t.accept('b');
    expect((await t.outbox.due(1, REPUBLISH_MS)).nextInMs).toBe(0);
    expect((await t.outbox.due(2, REPUBLISH_MS)).nextInMs).not.toBe(0);
  });
}
