import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { InboxDraft, InboxItem, InboxKey, InboxStore } from '../../src/ports/inbox.js';
import type { StoreFeatures, StoreHarness } from './harness.js';

export interface InboxHarness extends Pick<StoreHarness, 'now' | 'pass' | 'restart' | 'dispose'> {
  readonly inbox: InboxStore;
}

export interface InboxFeatures extends StoreFeatures {
  /** Items that one inbox keeps here: few, so that the limit can be reached. */
  readonly keep: number;
}

const ADA: InboxKey = { tenant: 't', userId: 'ada' };
const BOB: InboxKey = { tenant: 't', userId: 'bob' };

function draftFor(key: InboxKey, n: number, change: Partial<InboxDraft> = {}): InboxDraft {
  return {
    ...key,
    operationId: `op-${key.tenant}-${key.userId}-${n}`,
    notificationId: `ntf-${n}`,
    category: 'orders',
    subject: `Item ${n}`,
    body: `Body ${n}: é`,
    data: { n, nested: { yes: true } },
    ...change,
  };
}

const seqsOf = (items: readonly InboxItem[]): number[] => items.map((item) => item.seq);

/** What every `InboxStore` must do. */
export function inboxContract(features: InboxFeatures, make: () => Promise<InboxHarness>): void {
  let harness: InboxHarness;
  beforeEach(async () => {
    harness = await make();
  });
  afterEach(() => harness.dispose());
  const fill = async (key: InboxKey, many: number): Promise<void> => {
    for (let n = 1; n <= many; n += 1) await harness.inbox.put(draftFor(key, n));
  };

  describe('An inbox', () => {
    test('gives back what was put, unread, numbered from 1', async () => {
      const before = harness.now();
      const first = await harness.inbox.put(draftFor(ADA, 1));
      const second = await harness.inbox.put(draftFor(ADA, 2, { category: null, subject: null, data: null }));
      expect(first).toEqual({ ...draftFor(ADA, 1), seq: 1, createdAt: first.createdAt, readAt: null });
      expect(first.createdAt).toBeGreaterThanOrEqual(before);
      expect(second.seq).toBe(2);
      expect(await harness.inbox.list({ ...ADA, limit: 10 })).toEqual([second, first]);
    });

    test('takes the same operation once, also when it is put twice at once, and gives the item as it now is', async () => {
      const [one, two] = await Promise.all([harness.inbox.put(draftFor(ADA, 1)), harness.inbox.put(draftFor(ADA, 1))]);
      expect(two).toEqual(one);
      await harness.inbox.mark(ADA, { seqs: [1] }, true);
      const again = await harness.inbox.put(draftFor(ADA, 1, { body: 'another' }));
      expect(again).toMatchObject({ seq: 1, body: 'Body 1: é' });
      expect(again.readAt).not.toBeNull();
      expect((await harness.inbox.put(draftFor(ADA, 2))).seq).toBe(2);
    });

    test('is each person’s own, and each tenant’s', async () => {
      await fill(ADA, 2);
      await fill(BOB, 1);
      await harness.inbox.put(draftFor({ tenant: 'other', userId: 'ada' }, 7));
      expect(seqsOf(await harness.inbox.list({ ...ADA, limit: 10 }))).toEqual([2, 1]);
      expect(seqsOf(await harness.inbox.list({ ...BOB, limit: 10 }))).toEqual([1]);
      expect(await harness.inbox.unread(ADA)).toBe(2);
      expect(await harness.inbox.mark(BOB, { upTo: 100 }, true)).toBe(1);
      expect(await harness.inbox.unread(ADA)).toBe(2);
      expect(await harness.inbox.unread({ tenant: 't', userId: 'nobody' })).toBe(0);
      expect(await harness.inbox.list({ tenant: 't', userId: 'nobody', limit: 10 })).toEqual([]);
    });

    test('is listed in pages, newest first, all of it or what is unread', async () => {
      await fill(ADA, 5);
      await harness.inbox.mark(ADA, { seqs: [2, 4] }, true);
      const first = await harness.inbox.list({ ...ADA, limit: 2 });
      expect(seqsOf(first)).toEqual([5, 4]);
      expect(seqsOf(await harness.inbox.list({ ...ADA, limit: 2, before: 4 }))).toEqual([3, 2]);
      expect(seqsOf(await harness.inbox.list({ ...ADA, limit: 2, unreadOnly: true }))).toEqual([5, 3]);
      expect(seqsOf(await harness.inbox.list({ ...ADA, limit: 2, unreadOnly: true, before: 3 }))).toEqual([1]);
    });

    test('is read on from a number in order, missing nothing that was put before', async () => {
      await Promise.all(Array.from({ length: 7 }, (_, n) => harness.inbox.put(draftFor(ADA, n))));
      expect(seqsOf(await harness.inbox.after(ADA, 0, 3))).toEqual([1, 2, 3]);
      expect(seqsOf(await harness.inbox.after(ADA, 3, 100))).toEqual([4, 5, 6, 7]);
      expect(await harness.inbox.after(ADA, 7, 100)).toEqual([]);
    });

    test('knows what was read, and when first; unread again is unread', async () => {
      await fill(ADA, 4);
      expect(await harness.inbox.mark(ADA, { seqs: [1, 3, 3, 99] }, true)).toBe(2);
      const readAt = (await harness.inbox.after(ADA, 0, 1))[0]?.readAt;
      await harness.pass(1000);
      expect(await harness.inbox.mark(ADA, { upTo: 3 }, true)).toBe(1);
      expect((await harness.inbox.after(ADA, 0, 1))[0]?.readAt).toBe(readAt);
      expect(await harness.inbox.unread(ADA)).toBe(1);
      expect(await harness.inbox.mark(ADA, { upTo: 4 }, false)).toBe(3);
      expect(await harness.inbox.unread(ADA)).toBe(4);
      expect((await harness.inbox.list({ ...ADA, limit: 4 })).map((item) => item.readAt)).toEqual([null, null, null, null]);
    });

    test('keeps the newest, and never gives a number twice', async () => {
      await fill(ADA, features.keep + 3);
      const kept = await harness.inbox.list({ ...ADA, limit: 100 });
      expect(seqsOf(kept)).toEqual(Array.from({ length: features.keep }, (_, n) => features.keep + 3 - n));
      expect(await harness.inbox.unread(ADA)).toBe(features.keep);
      expect(seqsOf(await harness.inbox.after(ADA, 1, 2))).toEqual([4, 5]);
    });

    (features.durable ? test : test.skip)('is there after a crash, with its read state, and numbers on from where it was', async () => {
      await fill(ADA, 3);
      await harness.inbox.mark(ADA, { seqs: [2] }, true);
      const before = await harness.inbox.list({ ...ADA, limit: 10 });
      await harness.restart('crashed');
      expect(await harness.inbox.list({ ...ADA, limit: 10 })).toEqual(before);
      expect((await harness.inbox.put(draftFor(ADA, 3))).seq).toBe(3);
      expect((await harness.inbox.put(draftFor(ADA, 4))).seq).toBe(4);
    });
  });
}
