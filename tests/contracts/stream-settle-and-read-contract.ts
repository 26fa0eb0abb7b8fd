import { expect, test } from '@jest/globals';
import type { Batch, Hold, Settlement, StreamEntry } from '../../src/ports/stream.js';
import { FAILURE, idsOf, PARTITION, type StreamTester } from './stream-tester.js';

/** What a stream promises of a settlement that comes with the next read. */
export function streamSettleAndReadContract(tester: StreamTester): void {
  const done = ({ number, entries }: Batch): Settlement => ({ batch: number, done: entries.map(({ entry }) => entry), parked: [] });
  const next = async (hold: Hold, settled: Settlement, limit = 10): Promise<Batch> => {
    const batch = await tester.stream.log.read(hold, limit, settled);
    if (batch === 'stale') throw new Error('the hold is stale');
    return batch;
  };
  const seen = (entries: readonly StreamEntry[]): unknown[] => entries.map(({ id, deliveries }) => [id, deliveries]);

  test('is settled first, so that the read gives what is next', async () => {
    await tester.append('a1', 'a2', 'a3');
    const hold = await tester.take(PARTITION);
    const second = await next(hold, done(await tester.read(hold, 1)), 1);
    expect(seen(second.entries)).toEqual([['a2', 1]]);
    const third = await next(hold, done(second));
    expect(seen(third.entries)).toEqual([['a3', 1]]);
    expect(await next(hold, done(third))).toMatchObject({ entries: [], more: false });
    expect((await tester.stream.log.depth())[PARTITION]).toMatchObject({ lag: 0, pending: 0 });
  });

  test('repeated after a lost answer it is late: the next batch comes again, and what was settled does not', async () => {
    await tester.append('a1', 'a2', 'a3');
    const hold = await tester.take(PARTITION);
    const settled = done(await tester.read(hold, 1));
    await next(hold, settled, 1);
    const again = await next(hold, settled, 1);
    expect(seen(again.entries)).toEqual([['a2', 2]]);
    await tester.stream.log.settle(hold, done(again));
    expect(await tester.drain(hold)).toEqual(['a3']);
  });

  test('repeated where nothing was handed out since, it changes nothing', async () => {
    await tester.append('a1');
    const hold = await tester.take(PARTITION);
    const settled = done(await tester.read(hold));
    for (let time = 0; time < 2; time += 1) expect((await next(hold, settled)).entries).toEqual([]);
    expect((await tester.stream.log.depth())[PARTITION]).toMatchObject({ lag: 0, pending: 0 });
  });

  test('what it does not name is handed out again before what is new', async () => {
    await tester.append('a1', 'b1', 'a2');
    const hold = await tester.take(PARTITION);
    const { number, entries } = await tester.read(hold, 2);
    const again = await next(hold, { batch: number, done: entries.slice(1).map(({ entry }) => entry), parked: [] });
    expect(seen(again.entries)).toEqual([['a1', 2]]);
  });

  test('a key that it parks gives nothing to the read, not even what is new of it', async () => {
    await tester.append('a1', 'b1');
    const hold = await tester.take(PARTITION);
    const { number, entries } = await tester.read(hold);
    const [a1, b1] = entries;
    if (a1 === undefined || b1 === undefined) throw new Error('an entry is missing');
    await tester.append('a2', 'b2');
    const { tenant, key } = a1;
    const parked = [{ tenant, key, entries: [a1.entry], attempts: 1, afterMs: 60_000, failure: FAILURE }];
    const batch = await next(hold, { batch: number, done: [b1.entry], parked });
    expect(idsOf(batch.entries)).toEqual(['b2']);
    expect(batch.nextInMs).toBeGreaterThan(50_000);
    expect(await tester.stream.desk.parked('t', 10)).toMatchObject([{ key, waiting: 2, attempts: 1 }]);
  });

  test('under a lost hold nothing is settled and nothing handed out', async () => {
    await tester.append('a1', 'a2');
    const old = await tester.take(PARTITION);
    const settled = done(await tester.read(old, 1));
    await tester.stream.leases.release(old);
    const now = await tester.take(PARTITION, 'w2');
    expect(await tester.stream.log.read(old, 10, settled)).toBe('stale');
    expect(seen((await tester.read(now)).entries)).toEqual([['a1', 2]]);
  });
}
