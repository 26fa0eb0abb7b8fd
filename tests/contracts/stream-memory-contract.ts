import { describe, expect, test } from '@jest/globals';
import { draft, FAILURE, PARTITION, type StreamHarness, StreamTester } from './stream-tester.js';

/** What every stream promises to know by id. `rememberMs`: for so long at least it knows what was appended. */
export function streamMemoryContract(make: () => Promise<StreamHarness & { readonly rememberMs: number }>): void {
  describe('What is known by id', () => {
    let rememberMs = 0;
    const tester = new StreamTester(async () => {
      const harness = await make();
      rememberMs = harness.rememberMs;
      return harness;
    });
    /** So many times as long as ids are remembered, with the upkeep of every day. */
    const pass = async (times: number): Promise<void> => {
      for (let n = 0; n < 2 * times; n += 1) {
        await tester.harness.pass(rememberMs / 2);
        await tester.stream.log.remember();
        await tester.stream.log.trim(0);
      }
    };

    test('is what is not settled, however long it waits and wherever, and it is recognised', async () => {
      const { log } = tester.stream;
      const first = await tester.append('c1', 'c2', 'b1', 'a1');
      const hold = await tester.take(PARTITION, 'w1', 1_000 * rememberMs);
      const held = await tester.read(hold, 2);
      await tester.park(hold, held.entries, null);
      const inHand = await tester.read(hold, 1);
      expect(inHand.entries.map(({ id }) => id)).toEqual(['b1']);
      await pass(3);
      const ids = ['c1', 'c2', 'b1', 'a1'];
      for (const [n, id] of ids.entries()) {
        expect(await log.find('t', id)).toEqual({ key: draft(id).key, appendedAt: first[n]?.appendedAt });
        expect(await log.find('south', id)).toBeNull();
      }
      expect(await tester.append(...ids)).toEqual(first.map((appended) => ({ ...appended, outcome: 'repeat' })));
      expect((await log.append([draft('c2', { fingerprint: 'another' })]))[0]?.outcome).toBe('conflict');
    });

    test('is forgotten when it is settled and the time is up', async () => {
      await tester.append('a1');
      await tester.drain(await tester.take(PARTITION));
      await pass(3);
      expect(await tester.stream.log.find('t', 'a1')).toBeNull();
      expect((await tester.append('a1'))[0]?.outcome).toBe('created');
    });

    test('is what was redriven, by when it was first accepted', async () => {
      const { log, desk } = tester.stream;
      const [first] = await tester.append('a1');
      const hold = await tester.take(PARTITION, 'w1', 1_000 * rememberMs);
      const { entries } = await tester.read(hold);
      await desk.bury(entries.map((entry) => ({ entry, failure: FAILURE })));
      await tester.settle(hold, { done: entries.map(({ entry }) => entry) });
      expect(await log.find('t', 'a1')).toBeNull();
      expect(await desk.redrive('t', 'a1')).toBe(true);
      const found = { key: draft('a1').key, appendedAt: first?.appendedAt };
      expect(await log.find('t', 'a1')).toEqual(found);
      await pass(3);
      expect(await log.find('t', 'a1')).toEqual(found);
      expect(await tester.drain(hold)).toEqual(['a1']);
      expect(await log.find('t', 'a1')).toBeNull();
    });
  });
}
