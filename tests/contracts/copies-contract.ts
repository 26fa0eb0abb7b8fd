import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { CopySet, MessageCopies } from '../../src/ports/copies.js';
import type { Receipt } from '../../src/ports/messages.js';

/** A row as an import may have left it. */
export interface PlantedRow {
  readonly id: string;
  readonly idempotencyKey: string | null;
  readonly acceptedAt?: number;
  readonly persistedAt?: number;
  readonly order?: string;
}

/** A store of messages that nothing but this suite writes to. */
export interface CopiesHarness {
  readonly copies: MessageCopies;
  /** Takes the unique index away. */
  unguard(): Promise<void>;
  plant(rows: readonly PlantedRow[]): Promise<void>;
  receive(messageId: string, receipt: Receipt): Promise<void>;
  /** In order. */
  ids(): Promise<readonly string[]>;
  /** By person. */
  receiptsOf(messageId: string): Promise<readonly Receipt[]>;
  dispose(): Promise<void>;
}

/** What every `MessageCopies` must do. */
export function copiesContract(make: () => Promise<CopiesHarness>): void {
  let harness: CopiesHarness;
  beforeEach(async () => {
    harness = await make();
  });
  afterEach(() => harness.dispose());

  async function found(): Promise<readonly CopySet[]> {
    const sets: CopySet[] = [];
    for await (const set of harness.copies.sets()) sets.push(set);
    return sets.sort((a, b) => (a.keep < b.keep ? -1 : 1));
  }

  describe('An audit of copies', () => {
    test('of a store with its unique index finds nothing, and says that the index is there', async () => {
      expect(await harness.copies.census()).toEqual({ messages: 0, withoutKey: 0, guarded: true });
      await harness.plant([
        { id: 'a', idempotencyKey: 'k1' },
        { id: 'b', idempotencyKey: 'k2' },
      ]);
      expect(await harness.copies.census()).toEqual({ messages: 2, withoutKey: 0, guarded: true });
      expect(await found()).toEqual([]);
      expect(await harness.copies.remove([])).toBe(0);
    });

    test('keeps the row that was accepted first; of equals the one stored first, then by place, then by id', async () => {
      await harness.unguard();
      await harness.plant([
        { id: 'a', idempotencyKey: 'accepted', acceptedAt: 30, persistedAt: 1, order: '1' },
        { id: 'b', idempotencyKey: 'accepted', acceptedAt: 10, persistedAt: 9, order: '9' },
        { id: 'c', idempotencyKey: 'accepted', acceptedAt: 20, persistedAt: 1, order: '2' },
        { id: 'd', idempotencyKey: 'stored', persistedAt: 8, order: '3' },
        { id: 'e', idempotencyKey: 'stored', persistedAt: 7, order: '8' },
        { id: 'f', idempotencyKey: 'placed', order: '5' },
        { id: 'g', idempotencyKey: 'placed', order: '4' },
        { id: 'i', idempotencyKey: 'equal', order: '6' },
        { id: 'h', idempotencyKey: 'equal', order: '6' },
        { id: 'z', idempotencyKey: 'alone' },
      ]);
      expect(await found()).toEqual([
        { keep: 'b', remove: ['c', 'a'] },
        { keep: 'e', remove: ['d'] },
        { keep: 'g', remove: ['f'] },
        { keep: 'h', remove: ['i'] },
      ]);
      expect(await harness.copies.census()).toEqual({ messages: 10, withoutKey: 0, guarded: false });
    });

    test('a row without a key is nobody’s copy, and stays whatever is asked', async () => {
      await harness.unguard();
      const none = ['n1', 'n2', 'n3'].map((id) => ({ id, idempotencyKey: null }));
      const empty = ['e1', 'e2'].map((id) => ({ id, idempotencyKey: '' }));
      await harness.plant([...none, ...empty, { id: 'a', idempotencyKey: 'k' }, { id: 'b', idempotencyKey: 'k' }]);
      expect(await harness.copies.census()).toEqual({ messages: 7, withoutKey: 5, guarded: false });
      expect(await found()).toEqual([{ keep: 'a', remove: ['b'] }]);
      expect(await harness.copies.remove([{ keep: 'n1', remove: ['n2', 'n3', 'e1', 'e2', 'b'] }])).toBe(1);
      expect(await harness.ids()).toEqual(['a', 'e1', 'e2', 'n1', 'n2', 'n3']);
    });

    test('more than one page of them is found and removed, and nothing else', async () => {
      await harness.unguard();
      const rows = Array.from({ length: 5000 }, (_, n) => ({ id: `m${n}`, idempotencyKey: `k${n % 2100}`, acceptedAt: n }));
      await harness.plant(rows);
      let read = 0;
      const sets: CopySet[] = [];
      for await (const set of harness.copies.sets((more) => {
        read += more;
      }))
        sets.push(set);
      expect(read).toBe(5000);
      // 2100 keys: 800 have three rows, the others two.
      expect(sets).toHaveLength(2100);
      expect(sets.reduce((sum, { remove }) => sum + remove.length, 0)).toBe(2900);
      expect(await harness.copies.remove(sets)).toBe(2900);
      expect(await found()).toEqual([]);
      expect(new Set(await harness.ids())).toEqual(new Set(Array.from({ length: 2100 }, (_, n) => `m${n}`)));
    }, 60_000);

    test('what people have read of a copy they have read of the row that stays, since the first time', async () => {
      await harness.unguard();
      await harness.plant(['a', 'b', 'c'].map((id) => ({ id, idempotencyKey: 'k' })));
      await harness.receive('a', { userId: 'ada', state: 'read', at: 50 });
      await harness.receive('b', { userId: 'ada', state: 'read', at: 40 });
      await harness.receive('b', { userId: 'bob', state: 'delivered', at: 60 });
      await harness.receive('c', { userId: 'ada', state: 'read', at: 70 });
      const [set] = await found();
      expect(await harness.copies.remove(set === undefined ? [] : [set])).toBe(2);
      // A repetition finds nothing left to do.
      expect(await harness.copies.remove(set === undefined ? [] : [set])).toBe(0);
      expect(await harness.receiptsOf('a')).toEqual([
        { userId: 'ada', state: 'read', at: 40 },
        { userId: 'bob', state: 'delivered', at: 60 },
      ]);
      expect(await harness.receiptsOf('b')).toEqual([]);
    });
  });
}
