import { expect, test } from '@jest/globals';
import { FAILURE, idsOf, keyNamed, PARTITION, SHORT_MS, type StreamTester } from './stream-tester.js';

/** Long enough for two reads on a slow machine where the clock is real. */
const LATER_MS = 1500;

/** What a stream promises of keys that cannot go on. */
export function streamParkingContract(tester: StreamTester): void {
  const parkFirstOfA = async (afterMs: number | null, attempts = 1) => {
    await tester.append('a1', 'b1', 'a2');
    const hold = await tester.take(PARTITION);
    const { entries } = await tester.read(hold);
    const ofA = entries.filter(({ id }) => id.startsWith('a'));
    const [b1] = entries.filter(({ id }) => id === 'b1');
    const { tenant, key } = ofA[0] ?? { tenant: '', key: '' };
    const parking = { tenant, key, entries: ofA.map(({ entry }) => entry), attempts, afterMs, failure: FAILURE };
    await tester.settle(hold, { done: [b1?.entry ?? ''], parked: [parking] });
    return { hold, key: { tenant, key } };
  };

  test('a key that waits keeps nobody else waiting, and what comes for it stands behind it', async () => {
    const { hold } = await parkFirstOfA(LATER_MS);
    await tester.append('a3', 'b2');
    const { entries, nextInMs } = await tester.read(hold);
    expect(idsOf(entries)).toEqual(['b2']);
    expect(nextInMs).toBeGreaterThan(0);
    expect(nextInMs).toBeLessThanOrEqual(LATER_MS);
    await tester.settle(hold, { done: entries.map(({ entry }) => entry) });
    expect((await tester.stream.log.depth())[PARTITION]).toMatchObject({ lag: 0, pending: 0, parked: 3 });
    await tester.harness.pass(LATER_MS + 1);
    expect(await tester.consume(hold)).toEqual(['a1', 'a2', 'a3']);
    await tester.append('a4');
    expect(await tester.consume(hold)).toEqual(['a4']);
    expect(await tester.stream.desk.parked('t', 10)).toEqual([]);
  });

  test('the first of a parked key knows its attempts, and only it', async () => {
    const { hold } = await parkFirstOfA(0, 2);
    const { entries } = await tester.read(hold);
    expect(entries.map(({ id, attempts }) => [id, attempts])).toEqual([
      ['a1', 2],
      ['a2', 0],
    ]);
    await tester.park(hold, entries, LATER_MS, 3);
    expect((await tester.read(hold)).entries).toEqual([]);
    expect(await tester.stream.desk.parked('t', 10)).toMatchObject([{ waiting: 2, attempts: 3, failure: FAILURE }]);
    await tester.harness.pass(LATER_MS + 1);
    const again = await tester.read(hold);
    expect(again.entries.map(({ id, attempts }) => [id, attempts])).toEqual([
      ['a1', 3],
      ['a2', 0],
    ]);
  });

  test('when the first is done the next is there at once, with no attempts of its own', async () => {
    const { hold } = await parkFirstOfA(0, 2);
    const { entries } = await tester.read(hold, 1);
    expect(idsOf(entries)).toEqual(['a1']);
    await tester.settle(hold, { done: entries.map(({ entry }) => entry) });
    const next = await tester.read(hold);
    expect(next.entries.map(({ id, attempts }) => [id, attempts])).toEqual([['a2', 0]]);
  });

  test('what a parked key was given and never settled is counted', async () => {
    const { hold } = await parkFirstOfA(0);
    expect((await tester.read(hold)).entries[0]).toMatchObject({ id: 'a1', deliveries: 1 });
    const next = await tester.take(PARTITION, 'w1');
    expect((await tester.read(next)).entries[0]).toMatchObject({ id: 'a1', deliveries: 2 });
  });

  test('a held key waits until it is released, whoever owns its partition meanwhile', async () => {
    const { hold, key } = await parkFirstOfA(null);
    await tester.append('a3', 'b2');
    await tester.stream.leases.release(hold);
    const next = await tester.take(PARTITION, 'w2');
    const { entries, nextInMs } = await tester.read(next);
    expect(idsOf(entries)).toEqual(['b2']);
    expect(nextInMs).toBeNull();
    await tester.settle(next, { done: entries.map(({ entry }) => entry) });
    expect(await tester.stream.desk.parked('t', 10)).toEqual([
      { ...key, partition: PARTITION, waiting: 3, attempts: 1, dueInMs: null, failure: FAILURE },
    ]);
    expect(await tester.stream.desk.release(key)).toBe(true);
    expect(await tester.stream.desk.release(key)).toBe(false);
    expect(await tester.drain(next)).toEqual(['a1', 'a2', 'a3']);
    expect(await tester.stream.desk.parked('t', 10)).toEqual([]);
  });

  test('a key can be held with nothing in its line, and be released so', async () => {
    await tester.append('a1');
    const hold = await tester.take(PARTITION);
    const { entries } = await tester.read(hold);
    const key = { tenant: 't', key: keyNamed('a') };
    const parked = [{ ...key, entries: [], attempts: 1, afterMs: null, failure: FAILURE }];
    await tester.settle(hold, { done: entries.map(({ entry }) => entry), parked });
    await tester.append('a2');
    expect(await tester.drain(hold)).toEqual([]);
    await tester.stream.desk.release(key);
    expect(await tester.drain(hold)).toEqual(['a2']);
    await tester.settle(hold, { parked });
    expect(await tester.stream.desk.release(key)).toBe(true);
    await tester.append('a3');
    expect(await tester.drain(hold)).toEqual(['a3']);
  });

  test('a repeated parking adds nothing twice and brings nothing back', async () => {
    await tester.append('a1', 'a2');
    const hold = await tester.take(PARTITION);
    const { entries } = await tester.read(hold);
    await tester.park(hold, entries, 0);
    await tester.park(hold, entries, 0);
    expect((await tester.stream.log.depth())[PARTITION]).toMatchObject({ pending: 0, parked: 2 });
    expect(await tester.consume(hold)).toEqual(['a1', 'a2']);
    await tester.park(hold, entries, 0);
    expect(await tester.drain(hold)).toEqual([]);
  });

  test('a repeated parking does not undo what a person has done since', async () => {
    await tester.append('a1', 'a2');
    const hold = await tester.take(PARTITION);
    const { entries } = await tester.read(hold);
    await tester.park(hold, entries, null);
    expect(await tester.stream.desk.release({ tenant: 't', key: keyNamed('a') })).toBe(true);
    expect(await tester.park(hold, entries, null)).toBe('applied');
    expect(await tester.drain(hold)).toEqual(['a1', 'a2']);
  });

  test('keys of two tenants that are called the same have nothing to do with each other', async () => {
    const key = keyNamed('a');
    const of = (tenant: string, id: string) => ({ tenant, key, id, fingerprint: 'f', body: '{}' });
    await tester.stream.log.append([of('north', 'n1'), of('south', 's1')]);
    const hold = await tester.take(PARTITION);
    const { entries } = await tester.read(hold);
    await tester.park(hold, entries.slice(0, 1), null);
    await tester.settle(hold, { done: entries.slice(1).map(({ entry }) => entry) });
    await tester.stream.log.append([of('north', 'n2'), of('south', 's2')]);
    expect(await tester.drain(hold)).toEqual(['s2']);
    expect(await tester.stream.desk.parked('south', 10)).toEqual([]);
    expect(await tester.stream.desk.release({ tenant: 'south', key })).toBe(false);
    expect(await tester.stream.desk.parked('north', 10)).toMatchObject([{ tenant: 'north', key, waiting: 2 }]);
  });

  test('what was taken from a dead owner goes to the line of its key as well', async () => {
    await tester.append('a1', 'a2', 'b1');
    const old = await tester.take(PARTITION, 'w1', SHORT_MS);
    await tester.read(old);
    await tester.harness.pass(2 * SHORT_MS);
    const now = await tester.take(PARTITION, 'w2');
    const { entries } = await tester.read(now, 1);
    expect(idsOf(entries)).toEqual(['a1']);
    await tester.park(now, entries, null);
    expect(await tester.drain(now)).toEqual(['b1']);
    expect((await tester.stream.log.depth())[PARTITION]).toMatchObject({ pending: 0, parked: 2 });
  });

  test('whoever is spared comes again as if for the second time, in a line as well, and only by its owner', async () => {
    await tester.append('a1', 'b1');
    const hold = await tester.take(PARTITION);
    const deliveries = async (): Promise<readonly number[]> => (await tester.read(hold)).entries.map((entry) => entry.deliveries);
    expect(await deliveries()).toEqual([1, 1]);
    expect(await deliveries()).toEqual([2, 2]);
    const { entries } = await tester.read(hold);
    const [first, second] = entries;
    expect(await tester.stream.log.spare(hold, [first?.entry ?? ''])).toBe('applied');
    expect(await deliveries()).toEqual([2, 4]);
    const stranger = { ...hold, fence: hold.fence - 1 };
    expect(await tester.stream.log.spare(stranger, [second?.entry ?? ''])).toBe('stale');
    expect(await deliveries()).toEqual([3, 5]);
    await tester.park(hold, entries.slice(0, 1), 0);
    await tester.settle(hold, { done: [second?.entry ?? ''] });
    const parked = await tester.read(hold);
    expect(await deliveries()).toEqual([2]);
    expect(await tester.stream.log.spare(hold, [parked.entries[0]?.entry ?? ''])).toBe('applied');
    expect(await deliveries()).toEqual([2]);
  });
}
