import { describe, expect, test } from '@jest/globals';
import type { Retention } from '../../src/ports/retention.js';
import { deliveryIn, doneOf, intentOf, leaseOn, restOf } from './drafts.js';
import { type MakeStore, type StoreHarness, StoreTester } from './harness.js';

/** A store under test, and what removes from it. */
export interface RetentionHarness extends StoreHarness {
  readonly retention: Retention;
}

/** Far above what a slow machine takes for a few calls, short enough to wait for. */
const KEEP_MS = 2000;

/** What every `Retention` promises. */
export function retentionContract(make: () => Promise<RetentionHarness>): void {
  let retention: () => Retention;
  const makeStore: MakeStore = async () => {
    const harness = await make();
    retention = () => harness.retention;
    return harness;
  };
  describe('Retention', () => {
    const t = new StoreTester(makeStore);
    const key = (id: string) => ({ tenant: 't', id });
    const isThere = async (id: string): Promise<boolean> => (await t.reader.get(key(id))) !== null;

    async function deliver(id: string): Promise<void> {
      const held = await t.claim(await t.accept(id));
      await t.store.commit(leaseOn(held), intentOf(held, 1, t.now()));
      await t.store.commit(leaseOn(held), doneOf(held, 2, t.now()));
    }

    test('what has rested long enough is removed, with all that belongs to it, and its key is free', async () => {
      await deliver('a');
      await t.pass(KEEP_MS + 1);
      expect(await retention().removeRested(KEEP_MS, 10)).toBe(1);
      expect(await isThere('a')).toBe(false);
      expect(await t.reader.history(key('a'))).toEqual({ events: [], ledger: [] });
      expect(await t.reader.delivery('t', 'a:email')).toBeNull();
      expect(await t.reader.list({ tenant: 't', workload: 'notifications', limit: 10 })).toEqual([]);
      expect(await t.reader.backlog()).toEqual({ open: 0, oldestDueMs: 0 });
      expect(await t.reader.deliveryCounts()).toEqual({});
      await deliver('a');
      expect((await t.reader.history(key('a'))).ledger).toHaveLength(2);
      expect(await t.reader.deliveryCounts()).toEqual({ delivered: 1 });
    });

    test('what was written to a moment ago stays', async () => {
      await deliver('old');
      await t.pass(KEEP_MS + 1);
      await deliver('new');
      expect(await retention().removeRested(KEEP_MS, 10)).toBe(1);
      expect(await isThere('old')).toBe(false);
      expect(await isThere('new')).toBe(true);
    });

    test('what is open stays, and what waits for a person, however old', async () => {
      await t.accept('open');
      await t.accept('later', { dueAt: t.now() + 3_600_000 });
      for (const [id, status] of [
        ['dead', 'dead'],
        ['held', 'held'],
      ] as const) {
        const held = await t.claim(await t.accept(id));
        await t.store.commit(leaseOn(held), restOf(held, 1, t.now(), status));
      }
      // One delivery arrived and the other is dead.
      const both = await t.claim(await t.accept('partly', { channels: ['email', 'webhook'] }));
      const dead = restOf(both, 1, t.now(), 'dead');
      const arrived = { ...deliveryIn(both, 'webhook'), status: 'delivered' as const, dueAt: null, settledAt: t.now() };
      await t.store.commit(leaseOn(both), { ...dead, status: 'partial', deliveries: [...dead.deliveries, arrived] });
      await t.pass(2);
      expect(await retention().removeRested(1, 10)).toBe(0);
      for (const id of ['open', 'later', 'dead', 'held', 'partly']) expect(await isThere(id)).toBe(true);
    });

    test('records that rest in different ways, none of which needs a person, are removed too', async () => {
      const both = await t.claim(await t.accept('partly', { channels: ['email', 'webhook'] }));
      const done = doneOf(both, 1, t.now());
      const skipped = { ...deliveryIn(both, 'webhook'), status: 'skipped' as const, dueAt: null, settledAt: t.now() };
      await t.store.commit(leaseOn(both), { ...done, status: 'partial', deliveries: [...done.deliveries, skipped] });
      await t.pass(2);
      expect(await retention().removeRested(1, 10)).toBe(1);
      expect(await isThere('partly')).toBe(false);
    });

    test('no more than the limit goes at a time, the longest rested first; fewer means that none is left', async () => {
      for (const id of ['a', 'b', 'c']) {
        await deliver(id);
        await t.pass(5);
      }
      expect(await retention().removeRested(1, 2)).toBe(2);
      expect([await isThere('a'), await isThere('b'), await isThere('c')]).toEqual([false, false, true]);
      expect(await retention().removeRested(1, 2)).toBe(1);
      expect(await retention().removeRested(1, 2)).toBe(0);
    });
  });
}
