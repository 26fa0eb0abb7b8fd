import { expect, test } from '@jest/globals';
import { draft, FAILURE, idsOf, keyNamed, newPartitionOf, PARTITION, PARTITIONS, type StreamTester } from './stream-tester.js';

const DOUBLE = 2 * PARTITIONS;

/** What a stream promises when the number of its partitions changes. */
export function streamLayoutContract(tester: StreamTester): void {
  const control = () => tester.stream.control;

  test('an empty stream changes at once, and its keys are where everybody can work out', async () => {
    const { epoch } = await control().layout();
    expect(await control().repartition(PARTITIONS)).toEqual({ epoch, partitions: PARTITIONS, moving: null });
    expect(await control().repartition(DOUBLE)).toEqual({ epoch: epoch + 1, partitions: DOUBLE, moving: null });
    const elsewhere = await tester.harness.another();
    expect(await elsewhere.control.layout()).toEqual({ epoch: epoch + 1, partitions: DOUBLE, moving: null });
    const results = await elsewhere.log.append([draft('a1'), draft('b1')]);
    expect(results.map(({ partition }) => partition)).toEqual([newPartitionOf('a'), newPartitionOf('b')]);
    expect(await tester.stream.log.depth()).toHaveLength(DOUBLE);
    expect(await tester.drain(await tester.take(newPartitionOf('b')))).toEqual(['b1']);
  });

  test('nothing of the new epoch is handed out before everything of the old one is settled', async () => {
    const elsewhere = await tester.harness.another();
    const before = [...(await tester.append('a1', 'b1')), ...(await elsewhere.log.append([draft('b2')]))];
    const old = await tester.take(PARTITION);
    const { epoch } = await control().layout();
    const begun = await control().repartition(DOUBLE);
    const moving = { from: PARTITIONS, left: [{ partition: PARTITION, entries: 3 }] };
    expect(begun).toEqual({ epoch: epoch + 1, partitions: DOUBLE, moving });
    // One that has heard of it, and one that has not.
    const after = [...(await tester.append('a3', 'b3')), ...(await elsewhere.log.append([draft('b4')]))];
    expect(after.map(({ partition }) => partition)).toEqual([PARTITION, newPartitionOf('b'), newPartitionOf('b')]);
    const fresh = await tester.take(newPartitionOf('b'), 'w2');
    expect(await tester.drain(fresh)).toEqual([]);
    const { entries } = await tester.read(old);
    expect(idsOf(entries)).toEqual(['a1', 'b1', 'b2']);
    await tester.settle(old, { done: entries.slice(0, 2).map(({ entry }) => entry) });
    expect((await control().layout()).moving?.left).toEqual([{ partition: PARTITION, entries: 1 }]);
    expect(await tester.drain(fresh)).toEqual([]);
    expect(await tester.drain(old)).toEqual(['b2']);
    expect((await control().layout()).moving).toBeNull();
    expect(await tester.drain(fresh)).toEqual(['b3', 'b4']);
    expect(await tester.drain(old)).toEqual(['a3']);
    const orders = [...before, ...after].map(({ order }) => order);
    expect([...orders].sort()).toEqual(orders);
  });

  test('an owner’s beat is enough to bring a change to its end', async () => {
    await tester.append('b1');
    const old = await tester.take(PARTITION);
    const { epoch } = await control().repartition(DOUBLE);
    expect((await tester.stream.leases.beat('w1', 60_000)).layout.moving).not.toBeNull();
    await tester.drain(old);
    expect((await tester.stream.leases.beat('w1', 60_000)).layout).toEqual({ epoch, partitions: DOUBLE, moving: null });
  });

  test('there is one change at a time', async () => {
    await tester.append('a1');
    const { epoch } = await control().repartition(DOUBLE);
    await expect(control().repartition(PARTITIONS)).rejects.toMatchObject({ code: 'conflict' });
    await tester.drain(await tester.take(PARTITION));
    expect((await control().layout()).moving).toBeNull();
    expect(await control().repartition(PARTITIONS)).toEqual({ epoch: epoch + 1, partitions: PARTITIONS, moving: null });
  });

  test('a repeat is recognised where its key has come from', async () => {
    const [a1, b1] = await tester.append('a1', 'b1');
    await tester.drain(await tester.take(PARTITION));
    await control().repartition(DOUBLE);
    expect(await tester.append('a1', 'b1')).toEqual([
      { ...a1, outcome: 'repeat' },
      { ...b1, outcome: 'repeat' },
    ]);
    expect(await tester.stream.log.append([draft('b1', { fingerprint: 'another' })])).toEqual([{ ...b1, outcome: 'conflict' }]);
    expect((await tester.append('b2'))[0]).toMatchObject({ outcome: 'created', partition: newPartitionOf('b') });
  });

  test('a key that waits for its time keeps the new epoch waiting, one that is held moves with its line', async () => {
    await tester.append('a1', 'b1', 'b2', 'd1');
    const old = await tester.take(PARTITION);
    const { entries } = await tester.read(old);
    const [a1, b1, b2, d1] = entries;
    if (a1 === undefined || b1 === undefined || b2 === undefined || d1 === undefined) throw new Error('an entry is missing');
    await tester.park(old, [a1], null);
    await tester.park(old, [b1, b2], null);
    await tester.park(old, [d1], 0);
    await control().repartition(DOUBLE);
    await tester.append('a2', 'b3', 'd2');
    expect((await control().layout()).moving?.left).toEqual([{ partition: PARTITION, entries: 1 }]);
    expect(await tester.drain(old)).toEqual(['d1']);
    expect((await control().layout()).moving).toBeNull();
    const fresh = await tester.take(newPartitionOf('b'), 'w2');
    expect(await tester.drain(fresh)).toEqual(['d2']);
    expect(await tester.drain(old)).toEqual([]);
    const parked = [...(await tester.stream.desk.parked('t', 10))].sort((x, y) => x.partition - y.partition);
    expect(parked).toMatchObject([
      { key: keyNamed('a'), partition: PARTITION, waiting: 2 },
      { key: keyNamed('b'), partition: newPartitionOf('b'), waiting: 3 },
    ]);
    for (const { tenant, key } of parked) expect(await tester.stream.desk.release({ tenant, key })).toBe(true);
    expect(await tester.drain(fresh)).toEqual(['b1', 'b2', 'b3']);
    expect(await tester.drain(old)).toEqual(['a1', 'a2']);
  });

  test('while keys move, one that is held can be released, and a dead letter of it goes before its line', async () => {
    await tester.append('b1', 'b2', 'd1', 'd2', 'a1');
    const old = await tester.take(PARTITION);
    const { entries } = await tester.read(old, 4);
    const [b1, b2, d1, d2] = entries;
    if (b1 === undefined || b2 === undefined || d1 === undefined || d2 === undefined) throw new Error('an entry is missing');
    await tester.stream.desk.bury([{ entry: d1, failure: FAILURE }]);
    await tester.settle(old, {
      done: [d1.entry],
      parked: [
        { tenant: 't', key: b1.key, entries: [b1.entry, b2.entry], attempts: 1, afterMs: null, failure: FAILURE },
        { tenant: 't', key: d1.key, entries: [d2.entry], attempts: 0, afterMs: null, failure: FAILURE },
      ],
    });
    await control().repartition(DOUBLE);
    await tester.append('b3', 'd3');
    expect((await control().layout()).moving).not.toBeNull();
    expect(await tester.stream.desk.release({ tenant: 't', key: b1.key })).toBe(true);
    expect(await tester.stream.desk.release({ tenant: 't', key: b1.key })).toBe(false);
    expect(await tester.stream.desk.redrive('t', 'd1')).toBe(true);
    const before = await tester.drain(old);
    expect([...before].sort()).toEqual(['a1', 'b1', 'b2', 'd1', 'd2']);
    expect(before.filter((id) => id.startsWith('b'))).toEqual(['b1', 'b2']);
    expect(before.filter((id) => id.startsWith('d'))).toEqual(['d1', 'd2']);
    expect((await control().layout()).moving).toBeNull();
    expect(await tester.drain(await tester.take(newPartitionOf('b')))).toEqual(['b3', 'd3']);
    expect(await tester.stream.desk.parked('t', 10)).toEqual([]);
  });

  test('fewer partitions work as well: what is left of the others is settled first', async () => {
    await control().repartition(DOUBLE);
    await tester.append('b1', 'a1');
    await control().repartition(PARTITIONS);
    await tester.append('b2', 'a2');
    const leaving = await tester.take(newPartitionOf('b'));
    const staying = await tester.take(PARTITION);
    expect(await tester.drain(staying)).toEqual(['a1']);
    expect(await tester.drain(leaving)).toEqual(['b1']);
    expect((await control().layout()).moving).toBeNull();
    expect(await tester.drain(staying)).toEqual(['b2', 'a2']);
    expect(await tester.stream.log.depth()).toHaveLength(PARTITIONS);
  });
}
