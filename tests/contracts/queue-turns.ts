import { expect, test } from '@jest/globals';
import type { WakeUp, WakeUpQueue } from '../../src/ports/queue.js';
import type { Given } from './queue-contract.js';
import { Taker, wakeUp, wakeUps } from './taker.js';

/** What a `WakeUpQueue` promises that declares itself fair. */
export function takingTurns({ harness, features }: Given): void {
  const fairly = features.fair ? test : test.skip;
  const flood = (count: number, rest: Partial<WakeUp> = {}): WakeUp[] =>
    wakeUps(count).map((each) => ({ ...each, userId: 'flooder', ...rest }));
  const others = ['a1', 'b1', 'c1', 'a2', 'b2', 'c2'].map((id) => wakeUp(id, { userId: id.slice(0, 1) }));
  /** The first so many, each settled before the next is handed out. */
  const firstOf = async (queue: WakeUpQueue, count: number): Promise<readonly string[]> => {
    const taker = new Taker(queue, 1, (taken) => {
      if (taker.taken.length < count) void taken.ack();
    });
    await taker.until(count);
    await taker.stop();
    return taker.ids;
  };

  fairly('whoever comes behind one who has published much waits for their turn only, and own order is kept', async () => {
    const { queue } = harness();
    await queue.publish(flood(300));
    await queue.publish(others);
    const first = await firstOf(queue, 9);
    expect(first.filter((id) => !id.startsWith('w'))).toHaveLength(6);
    expect(first.filter((id) => id.startsWith('a'))).toEqual(['a1', 'a2']);
  });

  fairly('a part of each prefetch is kept free of any one user', async () => {
    const { queue } = harness();
    await queue.publish(flood(30));
    const taker = new Taker(queue, 8);
    await taker.until(6);
    expect(await queue.depth()).toEqual({ waiting: 24, taken: 6 });
    await queue.publish(others);
    await taker.until(8);
    expect(taker.ids.slice(6)).toEqual(['a1', 'b1']);
    await taker.at(6).ack();
    await taker.until(9);
    expect(taker.ids[8]).toBe('c1');
    await taker.at(0).release(0);
    // A hand of the flooder's is free, but others come before its turn.
    await taker.until(10);
    expect(await queue.depth()).toEqual({ waiting: 27, taken: 8 });
  });

  fairly('nobody has a turn of its own, and so has each tenant of a user of the same name', async () => {
    const { queue } = harness();
    await queue.publish(flood(50));
    await queue.publish([wakeUp('n1'), wakeUp('n2'), ...flood(2, { tenant: 'u' })]);
    const taker = new Taker(queue, 6);
    const first = (await taker.until(6)).map(({ tenant, userId }) => `${tenant} ${userId}`);
    expect(first.sort()).toEqual(['t flooder', 't flooder', 't null', 't null', 'u flooder', 'u flooder']);
  });

  (features.fair && features.priorities ? test : test.skip)('urgent comes first though its user has had many turns', async () => {
    const { queue } = harness();
    await queue.publish([...others, ...flood(20, { priority: 'urgent' })]);
    expect((await firstOf(queue, 20)).every((id) => id.startsWith('w'))).toBe(true);
  });

  fairly('a flood that no memory holds stands before nobody', async () => {
    const { queue } = harness();
    await queue.publish(flood(12_000));
    const early = await firstOf(queue, 40);
    await queue.publish(others);
    const late = await firstOf(queue, 10);
    expect(early.every((id) => id.startsWith('w'))).toBe(true);
    expect(late.filter((id) => !id.startsWith('w'))).toHaveLength(6);
  });

  (features.fair && features.durable ? test : test.skip)('turns are kept after a restart, whatever is in the file', async () => {
    await harness().queue.publish(flood(12_000));
    await harness().queue.publish(others);
    await harness().restart('crashed');
    const first = await firstOf(harness().queue, 10);
    expect(first.filter((id) => !id.startsWith('w'))).toHaveLength(6);
  });

  fairly('many users with much each are handed out whole, each wake-up once', async () => {
    const { queue } = harness();
    const many = wakeUps(12_000).map((each, n) => ({ ...each, userId: `u${n % 700}` }));
    await queue.publish(many.slice(0, 11_000));
    const settled: Promise<void>[] = [];
    const taker = new Taker(queue, 100, (taken) => {
      // Some come back, and must stand in line again and not be read a second time.
      settled.push(taken.redeliveries === 0 && settled.length % 7 === 0 ? taken.release(0) : taken.ack());
    });
    await queue.publish(many.slice(11_000));
    while ((await queue.depth()).waiting + (await queue.depth()).taken > 0) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all(settled);
    const once = taker.taken.filter((taken) => taken.redeliveries === 0).map((taken) => taken.id);
    expect(once).toHaveLength(12_000);
    expect(new Set(once).size).toBe(12_000);
  });
}
