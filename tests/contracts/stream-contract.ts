import { describe, expect, test } from '@jest/globals';
import { partitionOf } from '../../src/ports/partition.js';
import { streamDeskContract } from './stream-desk-contract.js';
import { streamFleetContract } from './stream-fleet-contract.js';
import { streamLayoutContract } from './stream-layout-contract.js';
import { streamParkingContract } from './stream-parking-contract.js';
import { streamSettleAndReadContract } from './stream-settle-and-read-contract.js';
import {
  draft,
  FAILURE,
  idsOf,
  keyNamed,
  PARTITION,
  PARTITIONS,
  SHORT_MS,
  type StreamFeatures,
  type StreamHarness,
  StreamTester,
} from './stream-tester.js';

/** What every stream promises. */
export function streamContract(features: StreamFeatures, make: () => Promise<StreamHarness>): void {
  describe('StreamLog', () => {
    const tester = new StreamTester(make);
    appending(tester);
    reading(tester);
    waiting(tester);
    counting(tester);
    asking(tester);
    if (features.durable) surviving(tester);
  });
  describe('Parked keys', () => streamParkingContract(new StreamTester(make)));
  describe('A settlement with the next read', () => streamSettleAndReadContract(new StreamTester(make)));
  describe('PartitionLeases', () => streamFleetContract(new StreamTester(make)));
  describe('StreamDesk', () => streamDeskContract(new StreamTester(make)));
  describe('A change of partitions', () => streamLayoutContract(new StreamTester(make)));
}

function appending(tester: StreamTester): void {
  test('the first with an id is created, the same again is a repeat of it, and other content a conflict', async () => {
    const [first] = await tester.append('a1');
    expect(first).toMatchObject({ outcome: 'created', partition: PARTITION });
    expect(await tester.append('a1')).toEqual([{ ...first, outcome: 'repeat' }]);
    const other = draft('a1', { fingerprint: 'another', body: '{}' });
    expect(await tester.stream.log.append([other])).toEqual([{ ...first, outcome: 'conflict' }]);
    expect(await tester.drain(await tester.take(PARTITION))).toEqual(['a1']);
  });

  test('of the same id given many times at once, in one call and in several, one is created', async () => {
    const calls = await Promise.all([tester.append('a1', 'a1', 'b1'), tester.append('a1'), tester.append('b1', 'a1')]);
    const outcomes = calls.flat().map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(2);
    expect(outcomes.filter((outcome) => outcome === 'repeat')).toHaveLength(4);
    expect((await tester.drain(await tester.take(PARTITION))).sort()).toEqual(['a1', 'b1']);
  });

  test('appending nothing is fine', async () => {
    expect(await tester.stream.log.append([])).toEqual([]);
  });

  test('a key has one partition, the one that everybody can work out, and its order rises strictly', async () => {
    const ids = Array.from({ length: 30 }, (_, n) => `a${n}`);
    const results = [...(await tester.append(...ids.slice(0, 20)))];
    for (const id of ids.slice(20)) results.push(...(await tester.append(id)));
    expect(new Set(results.map(({ partition }) => partition))).toEqual(new Set([PARTITION]));
    const orders = results.map(({ order }) => order);
    expect([...orders].sort()).toEqual(orders);
    expect(new Set(orders).size).toBe(30);
    expect(await tester.drain(await tester.take(PARTITION))).toEqual(ids);
  });

  test('keys are spread over all partitions', async () => {
    const drafts = Array.from({ length: 40 }, (_, n) => draft(`id${n}`, { key: `conversation-${n}` }));
    const results = await tester.stream.log.append(drafts);
    expect(results.map(({ partition }) => partition)).toEqual(drafts.map(({ key }) => partitionOf(key, PARTITIONS)));
    expect(new Set(results.map(({ partition }) => partition)).size).toBe(PARTITIONS);
  });
}

function reading(tester: StreamTester): void {
  test('an entry is handed out whole, once, and is gone when it is settled', async () => {
    const body = JSON.stringify({ text: 'Grüße 🚂\nund mehr', deep: { list: [1, 2] } });
    const key = 'Gespräch mit / und\n Umbruch';
    const [appended] = await tester.stream.log.append([draft('x1', { tenant: 'north', key, body })]);
    const hold = await tester.take(appended?.partition ?? -1);
    const { entries, more } = await tester.read(hold);
    expect(more).toBe(false);
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ tenant: 'north', key, id: 'x1', fingerprint: 'print of x1', body });
    expect(entries[0]).toMatchObject({ order: appended?.order, partition: hold.partition, deliveries: 1, attempts: 0 });
    expect(entries[0]?.appendedAt).toBeGreaterThan(1_700_000_000_000);
    await tester.settle(hold, { done: entries.map(({ entry }) => entry) });
    expect((await tester.read(hold)).entries).toEqual([]);
  });

  test('a batch is no larger than asked for, and says that there is more', async () => {
    await tester.append('a1', 'b1', 'a2', 'b2', 'a3');
    const hold = await tester.take(PARTITION);
    const first = await tester.read(hold, 2);
    expect(idsOf(first.entries)).toEqual(['a1', 'b1']);
    expect(first.more).toBe(true);
    await tester.settle(hold, { done: first.entries.map(({ entry }) => entry) });
    expect(await tester.consume(hold, 2)).toEqual(['a2', 'b2']);
    expect(await tester.consume(hold, 2)).toEqual(['a3']);
  });

  test('what was handed out and not settled comes again before what is new, and is counted', async () => {
    await tester.append('a1', 'b1', 'a2');
    const hold = await tester.take(PARTITION);
    const { entries } = await tester.read(hold, 2);
    await tester.settle(hold, { done: entries.slice(1).map(({ entry }) => entry) });
    const again = await tester.read(hold, 2);
    expect(again.entries.map(({ id, deliveries }) => [id, deliveries])).toEqual([['a1', 2]]);
    expect(again.more).toBe(true);
    expect(await tester.drain(hold)).toEqual(['a1', 'a2']);
  });

  test('a settlement may be repeated, also when there was a next batch since', async () => {
    await tester.append('a1', 'a2');
    const hold = await tester.take(PARTITION);
    const { number, entries } = await tester.read(hold, 1);
    const settlement = { batch: number, done: entries.map(({ entry }) => entry) };
    expect(await tester.settle(hold, settlement)).toBe('applied');
    expect(await tester.settle(hold, settlement)).toBe('applied');
    expect(idsOf((await tester.read(hold)).entries)).toEqual(['a2']);
    expect(await tester.settle(hold, settlement)).toBe('applied');
    expect(idsOf((await tester.read(hold)).entries)).toEqual(['a2']);
  });

  test('a settlement that is overtaken by the next read changes nothing: what it was about has been handed out again', async () => {
    await tester.append('a1', 'b1');
    const hold = await tester.take(PARTITION);
    const { number, entries } = await tester.read(hold);
    const { entries: again } = await tester.read(hold);
    expect(idsOf(again)).toEqual(['a1', 'b1']);
    const [parked, done] = entries;
    if (parked === undefined || done === undefined) throw new Error('an entry is missing');
    const { tenant, key, entry } = parked;
    const late = {
      batch: number,
      done: [done.entry],
      parked: [{ tenant, key, entries: [entry], attempts: 1, afterMs: null, failure: FAILURE }],
    };
    await tester.stream.log.settle(hold, late);
    expect(await tester.stream.desk.parked('t', 10)).toEqual([]);
    expect(await tester.drain(hold)).toEqual(['a1', 'b1']);
  });

  test('whoever lost the partition reads nothing, settles nothing, and overtakes nobody', async () => {
    await tester.append('a1', 'a2', 'a3');
    const old = await tester.take(PARTITION, 'w1', SHORT_MS);
    const { entries } = await tester.read(old, 2);
    await tester.harness.pass(2 * SHORT_MS);
    const now = await tester.take(PARTITION, 'w2');
    const settlement = { done: entries.map(({ entry }) => entry) };
    expect(await tester.stream.log.read(old, 10)).toBe('stale');
    expect(await tester.settle(old, settlement)).toBe('stale');
    expect(await tester.park(old, entries, null)).toBe('stale');
    const { entries: reclaimed } = await tester.read(now);
    expect(reclaimed.map(({ id, deliveries }) => [id, deliveries])).toEqual([
      ['a1', 2],
      ['a2', 2],
    ]);
    expect(await tester.settle(old, settlement)).toBe('stale');
    expect(await tester.drain(now)).toEqual(['a1', 'a2', 'a3']);
  });

  test('an owner that takes its partition again is another owner', async () => {
    await tester.append('a1');
    const before = await tester.take(PARTITION);
    const { entries } = await tester.read(before);
    const after = await tester.take(PARTITION);
    expect(after.fence).toBeGreaterThan(before.fence);
    expect(await tester.settle(before, { done: entries.map(({ entry }) => entry) })).toBe('stale');
    expect(await tester.consume(after)).toEqual(['a1']);
  });
}

function waiting(tester: StreamTester): void {
  test('whoever waits for something new is woken by it, whoever appended it', async () => {
    const hold = await tester.take(PARTITION);
    expect((await tester.read(hold)).more).toBe(false);
    const woken = tester.stream.log.arrival(hold, LONGER_THAN_A_TEST_MS, new AbortController().signal);
    const elsewhere = await tester.harness.another();
    await elsewhere.log.append([draft('a1')]);
    await woken;
    expect(await tester.consume(hold)).toEqual(['a1']);
  });

  test('what came between the read and the waiting ends the waiting', async () => {
    const hold = await tester.take(PARTITION);
    await tester.read(hold);
    await tester.append('a1');
    await tester.stream.log.arrival(hold, LONGER_THAN_A_TEST_MS, new AbortController().signal);
    expect(await tester.consume(hold)).toEqual(['a1']);
  });

  test('waiting ends in time, and at once when it is called off', async () => {
    const hold = await tester.take(PARTITION);
    await tester.read(hold);
    const inTime = tester.stream.log.arrival(hold, SHORT_MS, new AbortController().signal);
    await tester.harness.pass(SHORT_MS);
    await inTime;
    const abort = new AbortController();
    const calledOff = tester.stream.log.arrival(hold, LONGER_THAN_A_TEST_MS, abort.signal);
    abort.abort();
    await calledOff;
    await tester.stream.log.arrival(hold, LONGER_THAN_A_TEST_MS, abort.signal);
  });
}

const LONGER_THAN_A_TEST_MS = 20_000;

function counting(tester: StreamTester): void {
  test('the depth tells what is there, what was never handed out, and what is not settled', async () => {
    await tester.append('a1', 'a2', 'a3');
    const hold = await tester.take(PARTITION);
    const { entries } = await tester.read(hold, 2);
    await tester.harness.pass(5);
    const depth = await tester.stream.log.depth();
    expect(depth.map(({ partition }) => partition)).toEqual([0, 1, 2, 3]);
    expect(depth[PARTITION]).toMatchObject({ length: 3, lag: 1, pending: 2, parked: 0 });
    expect(depth[PARTITION]?.oldestMs).toBeGreaterThan(0);
    expect(depth[0]).toEqual({ partition: 0, length: 0, lag: 0, pending: 0, parked: 0, oldestMs: 0 });
    await tester.settle(hold, { done: entries.map(({ entry }) => entry) });
    expect((await tester.stream.log.depth())[PARTITION]).toMatchObject({ lag: 1, pending: 0 });
    await tester.drain(hold);
    expect((await tester.stream.log.depth())[PARTITION]).toMatchObject({ lag: 0, pending: 0, oldestMs: 0 });
  });

  test('trimming removes what was settled long ago, and nothing that is not settled', async () => {
    const ids = Array.from({ length: 1000 }, (_, n) => `a${n}`);
    await tester.append(...ids);
    const hold = await tester.take(PARTITION);
    for (let n = 0; n < 5; n += 1) await tester.consume(hold, 100);
    const { entries } = await tester.read(hold, 100);
    await tester.settle(hold, { done: entries.slice(1).map(({ entry }) => entry) });
    const removed = await tester.stream.log.trim(50);
    expect(removed).toBeGreaterThan(300);
    expect(removed).toBeLessThanOrEqual(549);
    expect((await tester.stream.log.depth())[PARTITION]).toMatchObject({ length: 1000 - removed, lag: 400, pending: 1 });
    expect(await tester.stream.log.trim(50)).toBe(0);
    expect(await tester.drain(hold)).toEqual(['a500', ...ids.slice(600)]);
  });
}

function asking(tester: StreamTester): void {
  test('whether anything of a key waits is known, wherever it is', async () => {
    const { log } = tester.stream;
    const key = { tenant: 't', key: keyNamed('a') };
    expect(await log.waits(key)).toBe(false);
    await tester.append('a1', 'b1');
    expect(await log.waits(key)).toBe(true);
    expect(await log.waits({ ...key, tenant: 'south' })).toBe(false);
    const hold = await tester.take(PARTITION);
    const { entries } = await tester.read(hold);
    expect(await log.waits(key)).toBe(true);
    await tester.park(hold, entries.slice(0, 1), 0);
    expect(await log.waits(key)).toBe(true);
    await tester.drain(hold);
    expect(await log.waits(key)).toBe(false);
  });

  test('an entry is found by its id until it is settled', async () => {
    const { log } = tester.stream;
    const [a1] = await tester.append('a1', 'a2');
    const found = { key: keyNamed('a'), appendedAt: a1?.appendedAt };
    expect(await log.find('t', 'a1')).toEqual(found);
    expect(await log.find('south', 'a1')).toBeNull();
    expect(await log.find('t', 'a9')).toBeNull();
    const hold = await tester.take(PARTITION);
    const { entries } = await tester.read(hold, 1);
    expect(await log.find('t', 'a1')).toEqual(found);
    await tester.park(hold, entries, null);
    expect(await log.find('t', 'a1')).toEqual(found);
    await tester.stream.desk.release({ tenant: 't', key: keyNamed('a') });
    await tester.consume(hold, 1);
    expect(await log.find('t', 'a1')).toBeNull();
    expect(await log.find('t', 'a2')).not.toBeNull();
  });
}

function surviving(tester: StreamTester): void {
  test.each(['closed', 'crashed'] as const)('what is in it outlives a process that is %s', async (how) => {
    const [first] = await tester.append('a1', 'a2', 'b1', 'c1');
    const hold = await tester.take(PARTITION, 'w1', SHORT_MS);
    const { entries } = await tester.read(hold, 3);
    await tester.settle(hold, { done: entries.slice(0, 1).map(({ entry }) => entry) });
    await tester.park(hold, entries.slice(2), null);
    await tester.stream.control.pause(true);
    await tester.harness.restart(how);
    await tester.harness.pass(2 * SHORT_MS);
    expect(await tester.stream.control.paused()).toBe(true);
    expect(await tester.append('a1')).toEqual([{ ...first, outcome: 'repeat' }]);
    const after = await tester.take(PARTITION, 'w2');
    expect(after.fence).toBeGreaterThan(hold.fence);
    expect(await tester.drain(after)).toEqual(['a2', 'c1']);
    expect((await tester.stream.desk.parked('t', 10)).map(({ waiting }) => waiting)).toEqual([1]);
  });
}
