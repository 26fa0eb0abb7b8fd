import { expect, test } from '@jest/globals';
import { LONG_MS, PARTITION, PARTITIONS, SHORT_MS, type StreamTester } from './stream-tester.js';

/** What a stream promises of its owners. */
export function streamFleetContract(tester: StreamTester): void {
  const take = (owner: string, leaseMs = LONG_MS, partition = PARTITION) => tester.stream.leases.take(partition, owner, leaseMs);

  test('a partition has one owner, until it is given up', async () => {
    const hold = await tester.take(PARTITION, 'w1');
    expect(await take('w2')).toBeNull();
    expect(await tester.stream.leases.holders()).toMatchObject([{ partition: PARTITION, owner: 'w1', fence: hold.fence }]);
    await tester.stream.leases.release(hold);
    expect(await tester.stream.leases.holders()).toEqual([]);
    const next = await tester.take(PARTITION, 'w2');
    expect(next.fence).toBeGreaterThan(hold.fence);
    await tester.stream.leases.release(hold);
    expect(await take('w1')).toBeNull();
  });

  test('of many who ask at once one gets it', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => take(`w${n}`)));
    expect(answers.filter((hold) => hold !== null)).toHaveLength(1);
  });

  test('an owner that falls silent is replaced when its time has run out, one that renews is not', async () => {
    const silent = await tester.take(0, 'w1', SHORT_MS);
    const lively = await tester.take(1, 'w1', SHORT_MS);
    expect(await tester.stream.leases.renew([lively], LONG_MS)).toEqual([lively]);
    await tester.harness.pass(2 * SHORT_MS);
    expect(await take('w2', LONG_MS, 1)).toBeNull();
    const next = await tester.take(0, 'w2');
    expect(next.fence).toBeGreaterThan(silent.fence);
    expect(await tester.stream.leases.renew([silent, lively], LONG_MS)).toEqual([lively]);
    expect(await tester.stream.leases.renew([], LONG_MS)).toEqual([]);
  });

  test('an owner whose time has run out and whom nobody has replaced may go on', async () => {
    const hold = await tester.take(PARTITION, 'w1', SHORT_MS);
    await tester.harness.pass(2 * SHORT_MS);
    await tester.append('a1');
    expect(await tester.consume(hold)).toEqual(['a1']);
    expect(await tester.stream.leases.renew([hold], LONG_MS)).toEqual([hold]);
    expect(await take('w2')).toBeNull();
  });

  test('everybody knows who consumes, for as long as they say so', async () => {
    const { leases } = tester.stream;
    await leases.beat('w2', LONG_MS);
    await leases.beat('w3', SHORT_MS);
    expect((await leases.beat('w1', LONG_MS)).owners).toEqual(['w1', 'w2', 'w3']);
    await tester.harness.pass(2 * SHORT_MS);
    expect((await leases.beat('w1', LONG_MS)).owners).toEqual(['w1', 'w2']);
    await leases.leave('w2');
    await leases.leave('w9');
    expect((await leases.beat('w1', LONG_MS)).owners).toEqual(['w1']);
  });

  test('a pause is known to everybody, and so is its end', async () => {
    const { leases, control } = tester.stream;
    const elsewhere = await tester.harness.another();
    expect((await leases.beat('w1', LONG_MS)).paused).toBe(false);
    await elsewhere.control.pause(true);
    expect((await leases.beat('w1', LONG_MS)).paused).toBe(true);
    expect(await control.paused()).toBe(true);
    await control.pause(false);
    await control.pause(false);
    expect(await elsewhere.control.paused()).toBe(false);
  });

  test('making the stream again changes nothing, whatever number is asked for', async () => {
    const elsewhere = await tester.harness.another();
    const layout = await tester.stream.control.layout();
    expect(layout).toMatchObject({ partitions: PARTITIONS, moving: null });
    const again = await Promise.all([tester.stream.control.prepare(PARTITIONS), elsewhere.control.prepare(3 * PARTITIONS)]);
    expect(again).toEqual([layout, layout]);
    expect((await tester.stream.leases.beat('w1', LONG_MS)).layout).toEqual(layout);
  });
}
