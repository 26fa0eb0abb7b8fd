import { expect, test } from '@jest/globals';
import { orderText } from '../../src/ports/partition.js';
import type { Hold, StreamEntry } from '../../src/ports/stream.js';
import { draft, FAILURE, idsOf, keyNamed, PARTITION, type StreamTester } from './stream-tester.js';

/** What a stream promises of its dead letters. */
export function streamDeskContract(tester: StreamTester): void {
  const bury = async (hold: Hold, entries: readonly StreamEntry[], held = false): Promise<void> => {
    await tester.stream.desk.bury(entries.map((entry) => ({ entry, failure: FAILURE })));
    const { tenant, key } = entries[0] ?? { tenant: '', key: '' };
    const parked = held ? [{ tenant, key, entries: [], attempts: 0, afterMs: null, failure: FAILURE }] : [];
    await tester.settle(hold, { done: entries.map(({ entry }) => entry), parked });
  };

  test('what is buried is kept whole, once, and is listed newest first', async () => {
    await tester.append('a1', 'a2', 'b1');
    const hold = await tester.take(PARTITION);
    const { entries } = await tester.read(hold);
    await bury(hold, entries.slice(0, 1));
    await bury(hold, entries.slice(0, 1));
    await bury(hold, entries.slice(1));
    const dead = await tester.stream.desk.dead({ tenant: 't', limit: 10 });
    expect(idsOf(dead)).toEqual(['b1', 'a2', 'a1']);
    const { entry: _, ...rest } = entries[0] ?? { entry: '' };
    expect(dead[2]).toEqual({ ...rest, failure: FAILURE, place: dead[2]?.place, deadAt: dead[2]?.deadAt });
    expect(dead[2]?.deadAt).toBeGreaterThanOrEqual(entries[0]?.appendedAt ?? Number.NaN);
    expect(await tester.stream.desk.get('t', 'a1')).toEqual(dead[2]);
    expect(await tester.drain(hold)).toEqual([]);
  });

  test('the list goes on where it stopped, is of one tenant, and of one key where that is asked for', async () => {
    await tester.append('a1', 'b1', 'a2', 'b2');
    await tester.stream.log.append([draft('a9', { tenant: 'south' })]);
    const hold = await tester.take(PARTITION);
    await bury(hold, (await tester.read(hold)).entries);
    const { desk } = tester.stream;
    const first = await desk.dead({ tenant: 't', limit: 3 });
    expect(idsOf(first)).toEqual(['b2', 'a2', 'b1']);
    expect(idsOf(await desk.dead({ tenant: 't', limit: 3, before: first[2]?.place ?? '' }))).toEqual(['a1']);
    expect(idsOf(await desk.dead({ tenant: 't', limit: 3, key: keyNamed('a') }))).toEqual(['a2', 'a1']);
    expect(idsOf(await desk.dead({ tenant: 'south', limit: 3 }))).toEqual(['a9']);
    expect(await desk.get('t', 'a9')).toBeNull();
    expect(await desk.redrive('t', 'a9')).toBe(false);
    expect(await desk.discard('t', 'a9')).toBe(false);
  });

  test('what is redriven comes back as it was, once, and leaves the dead', async () => {
    const [appended] = await tester.append('a1');
    const hold = await tester.take(PARTITION);
    await bury(hold, (await tester.read(hold)).entries);
    const elsewhere = await tester.harness.another();
    const answers = await Promise.all([tester.stream.desk.redrive('t', 'a1'), elsewhere.desk.redrive('t', 'a1')]);
    expect(answers).toContain(true);
    expect(await tester.stream.desk.redrive('t', 'a1')).toBe(false);
    expect(await tester.stream.desk.dead({ tenant: 't', limit: 10 })).toEqual([]);
    const { entries } = await tester.read(hold);
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ ...draft('a1'), order: appended?.order, attempts: 0, deliveries: 1 });
  });

  test('several of one key come back in the order in which they are redriven, and may die again', async () => {
    await tester.append('a1', 'a2', 'a3');
    const hold = await tester.take(PARTITION);
    await bury(hold, (await tester.read(hold)).entries);
    for (const id of ['a1', 'a2', 'a3']) await tester.stream.desk.redrive('t', id);
    const { entries } = await tester.read(hold);
    expect(idsOf(entries)).toEqual(['a1', 'a2', 'a3']);
    await bury(hold, entries.slice(0, 1));
    await tester.settle(hold, { done: entries.slice(1).map(({ entry }) => entry) });
    expect(idsOf(await tester.stream.desk.dead({ tenant: 't', limit: 10 }))).toEqual(['a1']);
    expect(await tester.stream.desk.redrive('t', 'a1')).toBe(true);
    expect(await tester.drain(hold)).toEqual(['a1']);
  });

  test('where its key is held a dead letter comes back before all that waits, and the key goes on', async () => {
    await tester.append('a1', 'a2');
    const hold = await tester.take(PARTITION);
    const { entries } = await tester.read(hold, 1);
    await bury(hold, entries, true);
    await tester.append('a3', 'b1');
    expect(await tester.drain(hold)).toEqual(['b1']);
    expect(await tester.stream.desk.redrive('t', 'a1')).toBe(true);
    expect(await tester.drain(hold)).toEqual(['a1', 'a2', 'a3']);
  });

  test('what dies again without having been redriven is there once, and comes back once', async () => {
    await tester.append('a1');
    const hold = await tester.take(PARTITION);
    const { entries } = await tester.read(hold);
    const { desk } = tester.stream;
    await desk.bury(entries.map((entry) => ({ entry, failure: FAILURE })));
    const again = await tester.read(hold);
    expect(idsOf(again.entries)).toEqual(['a1']);
    await bury(hold, again.entries);
    expect(idsOf(await desk.dead({ tenant: 't', limit: 10 }))).toEqual(['a1']);
    expect(await desk.redrive('t', 'a1')).toBe(true);
    expect(await tester.drain(hold)).toEqual(['a1']);
  });

  test('two that were accepted under one id, when the first was forgotten, are two dead letters', async () => {
    await tester.append('a1');
    const hold = await tester.take(PARTITION);
    const { entries } = await tester.read(hold);
    const [first] = entries;
    if (first === undefined) throw new Error('nothing was handed out');
    await bury(hold, entries);
    const second = { ...first, order: orderText(9, 1, 1), fingerprint: 'another', body: '{"id":"a1","other":true}' };
    const { desk } = tester.stream;
    await desk.bury([{ entry: second, failure: FAILURE }]);
    expect(idsOf(await desk.dead({ tenant: 't', limit: 10 }))).toEqual(['a1', 'a1']);
    expect(await desk.get('t', 'a1')).toMatchObject({ order: first.order });
    expect(await desk.discard('t', 'a1')).toBe(true);
    expect(await desk.get('t', 'a1')).toMatchObject({ order: second.order, body: second.body });
    expect(await desk.redrive('t', 'a1')).toBe(true);
    expect((await tester.read(hold)).entries).toMatchObject([{ id: 'a1', order: second.order, body: second.body }]);
    expect(await desk.get('t', 'a1')).toBeNull();
  });

  test('what is discarded is gone', async () => {
    await tester.append('a1');
    const hold = await tester.take(PARTITION);
    await bury(hold, (await tester.read(hold)).entries);
    expect(await tester.stream.desk.discard('t', 'a1')).toBe(true);
    expect(await tester.stream.desk.discard('t', 'a1')).toBe(false);
    expect(await tester.stream.desk.redrive('t', 'a1')).toBe(false);
    expect(await tester.drain(hold)).toEqual([]);
  });
}
