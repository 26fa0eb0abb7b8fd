import { beforeEach, describe, expect, test } from '@jest/globals';
import { PacedCount } from '../../src/adapters/mongo/paced-count.js';
import { ManualTime } from './manual-time.js';

let time: ManualTime;
/** What there is to count, and counts that are under way. */
let present: number;
let pending: (() => void)[];
let counts: PacedCount<number>;

beforeEach(() => {
  time = new ManualTime();
  present = 0;
  pending = [];
  const count = (): Promise<number> => {
    const counted = present;
    return new Promise((resolve) => pending.push(() => resolve(counted)));
  };
  counts = new PacedCount(time, time, count, (counted) => counted);
});

/** The counts under way end, after so long. */
async function answer(afterMs: number): Promise<void> {
  await time.pass(afterMs);
  for (const end of pending.splice(0)) end();
  await new Promise((resolve) => setImmediate(resolve));
}

async function readAfter(ms: number): Promise<number | null> {
  const read = counts.read();
  await answer(ms);
  return read;
}

describe('A count', () => {
  test('of few is exact every time, however slow the server', async () => {
    for (present = 1; present < 5; present += 1) expect(await readAfter(900)).toBe(present);
  });

  test('of many is exact every time while it is cheap', async () => {
    for (present = 100_000; present < 100_003; present += 1) expect(await readAfter(50)).toBe(present);
  });

  test('that takes long is left alone for twenty times as long, and then repeated in the background', async () => {
    present = 100_000;
    expect(await readAfter(100)).toBe(100_000);
    present = 200_000;
    await time.pass(1999);
    expect(await counts.read()).toBe(100_000);
    expect(pending).toHaveLength(0);
    await time.pass(1);
    expect(await counts.read()).toBe(100_000);
    expect(await counts.read()).toBe(100_000);
    expect(pending).toHaveLength(1);
    await answer(100);
    expect(await counts.read()).toBe(200_000);
  });

  test('that takes very long the first time is not waited for', async () => {
    present = 100_000;
    const first = counts.read();
    await time.pass(2000);
    expect(await first).toBeNull();
    expect(await counts.read()).toBeNull();
    expect(pending).toHaveLength(1);
    await answer(5000);
    expect(await counts.read()).toBe(100_000);
  });

  test('that fails says so to whoever waits for it, and is tried again', async () => {
    let failing = true;
    const flaky = new PacedCount(
      time,
      time,
      async () => {
        if (!failing) return 7;
        await time.pass(500);
        throw new Error('away');
      },
      (counted) => counted,
    );
    for (let n = 0; n < 2; n += 1) await expect(flaky.read()).rejects.toThrow('away');
    failing = false;
    expect(await flaky.read()).toBe(7);
  });
});
