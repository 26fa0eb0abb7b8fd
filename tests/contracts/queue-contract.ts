import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { TakenWakeUp, WakeUpQueue } from '../../src/ports/queue.js';
import { takingTurns } from './queue-turns.js';
import { Taker, wakeUp, wakeUps } from './taker.js';

/** What an adapter has; what it lacks is not tested. */
export interface QueueFeatures {
  /** Urgent wake-ups overtake normal ones that wait. */
  readonly priorities: boolean;
  /** A release with a delay is kept back for about that long. */
  readonly delays: boolean;
  /** A wake-up that waits already is not added a second time. */
  readonly collapses: boolean;
  /** What waits outlives the process. */
  readonly durable: boolean;
  /** Users take turns. */
  readonly fair: boolean;
}

/** An empty queue under test. The port is read afresh after a restart. */
export interface QueueHarness {
  readonly queue: WakeUpQueue;
  /** Resolves when so many milliseconds have passed for delayed releases. */
  pass(ms: number): Promise<void>;
  /** Ends the queue in order, or as a crash would, and opens it again on the same data. What was settled before is settled. */
  restart(how: 'closed' | 'crashed'): Promise<void>;
  dispose(): Promise<void>;
}

/** What every `WakeUpQueue` promises. */
export function queueContract(features: QueueFeatures, make: () => Promise<QueueHarness>): void {
  let harness: QueueHarness;
  beforeEach(async () => {
    harness = await make();
  });
  afterEach(() => harness.dispose());

  describe('WakeUpQueue', () => {
    const given = { harness: () => harness, features };
    handingOut(given);
    settling(given);
    surviving(given);
    takingTurns(given);
  });
}

/** What each part of the suite is given. */
export interface Given {
  readonly harness: () => QueueHarness;
  readonly features: QueueFeatures;
}

function handingOut({ harness, features }: Given): void {
  test('what is published is handed out whole, to a consumer that waits and to one that comes later', async () => {
    const { queue } = harness();
    const early = new Taker(queue, 10);
    await queue.publish([wakeUp('a', { tenant: 'north', workload: 'jobs', priority: 'urgent' })]);
    expect((await early.until(1))[0]).toMatchObject({ tenant: 'north', id: 'a', workload: 'jobs', priority: 'urgent', redeliveries: 0 });
    await early.at(0).ack();
    await early.stop();
    await queue.publish([wakeUp('b')]);
    expect((await new Taker(queue, 10).until(1))[0]).toMatchObject({ tenant: 't', id: 'b', workload: 'notifications', priority: 'normal' });
  });

  test('publishing nothing is fine', async () => {
    await harness().queue.publish([]);
    expect(await harness().queue.depth()).toEqual({ waiting: 0, taken: 0 });
  });

  test('one id of two tenants is two wake-ups', async () => {
    const taker = new Taker(harness().queue, 10);
    await harness().queue.publish([wakeUp('a', { tenant: 'north' }), wakeUp('a', { tenant: 'south' })]);
    expect((await taker.until(2)).map((taken) => taken.tenant).sort()).toEqual(['north', 'south']);
  });

  test('each wake-up goes to one of the competing consumers', async () => {
    const { queue } = harness();
    const settled: Promise<void>[] = [];
    const takers: Taker[] = [];
    await new Promise<void>((resolve, reject) => {
      const take = (taken: TakenWakeUp): void => {
        settled.push(taken.ack());
        if (settled.length === 300) resolve();
      };
      for (let n = 0; n < 4; n += 1) takers.push(new Taker(queue, 8, take));
      queue.publish(wakeUps(300)).catch(reject);
    });
    await Promise.all(settled);
    const ids = takers.flatMap((taker) => taker.ids);
    expect(new Set(ids).size).toBe(300);
    expect(ids).toHaveLength(300);
    expect(await queue.depth()).toEqual({ waiting: 0, taken: 0 });
  });

  test('no consumer holds more than its prefetch, and a settle makes room for the next', async () => {
    const { queue } = harness();
    await queue.publish(wakeUps(10));
    const taker = new Taker(queue, 3);
    await taker.until(3);
    expect(await queue.depth()).toEqual({ waiting: 7, taken: 3 });
    await taker.at(0).ack();
    await taker.until(4);
    expect(taker.taken).toHaveLength(4);
    expect(await queue.depth()).toEqual({ waiting: 6, taken: 3 });
    await Promise.all([taker.at(1).ack(), taker.at(2).ack(), taker.at(3).ack()]);
    await taker.until(7);
    expect(await queue.depth()).toEqual({ waiting: 3, taken: 3 });
  });

  (features.priorities ? test : test.skip)('urgent overtakes normal', async () => {
    const { queue } = harness();
    await queue.publish(wakeUps(3));
    await queue.publish([wakeUp('urgent-1', { priority: 'urgent' }), wakeUp('urgent-2', { priority: 'urgent' })]);
    const taker = new Taker(queue, 1, (taken) => void taken.ack());
    await taker.until(5);
    expect(taker.ids.slice(0, 2).sort()).toEqual(['urgent-1', 'urgent-2']);
  });

  test('a stopped consumer gets nothing more, may settle what it holds, and may be stopped twice', async () => {
    const { queue } = harness();
    const taker = new Taker(queue, 2);
    await queue.publish(wakeUps(4));
    await taker.until(2);
    await taker.stop();
    await taker.stop();
    await taker.at(0).ack();
    const second = new Taker(queue, 10);
    await second.until(2);
    await taker.at(1).release(0);
    await second.until(3);
    expect(taker.taken).toHaveLength(2);
    expect(second.ids).toContain(taker.at(1).id);
    expect(second.ids).not.toContain(taker.at(0).id);
  });
}

function settling({ harness, features }: Given): void {
  test('what is acked is forgotten', async () => {
    const { queue } = harness();
    const taker = new Taker(queue, 10);
    await queue.publish(wakeUps(2));
    await taker.until(2);
    await Promise.all(taker.taken.map((taken) => taken.ack()));
    expect(await queue.depth()).toEqual({ waiting: 0, taken: 0 });
  });

  test('what is released is handed out again, to anyone', async () => {
    const { queue } = harness();
    const first = new Taker(queue, 1);
    await queue.publish([wakeUp('a')]);
    await first.until(1);
    await first.stop();
    await first.at(0).release(0);
    const second = new Taker(queue, 1);
    expect((await second.until(1))[0]).toMatchObject({ id: 'a', tenant: 't', workload: 'notifications' });
  });

  test('a second settle does nothing', async () => {
    const { queue } = harness();
    const taker = new Taker(queue, 10);
    await queue.publish([wakeUp('a'), wakeUp('b')]);
    await taker.until(2);
    await Promise.all([taker.at(0).ack(), taker.at(0).ack(), taker.at(0).release(0)]);
    await taker.at(1).release(0);
    await taker.until(3);
    await taker.at(1).ack();
    await taker.at(1).release(0);
    expect(await queue.depth()).toEqual({ waiting: 0, taken: 1 });
    await taker.at(2).ack();
    expect(await queue.depth()).toEqual({ waiting: 0, taken: 0 });
  });

  (features.delays ? test : test.skip)('a delayed release waits its time, and is not lost meanwhile', async () => {
    const { queue } = harness();
    const taker = new Taker(queue, 1);
    await queue.publish([wakeUp('a')]);
    await taker.until(1);
    await taker.at(0).release(2000);
    await queue.publish([wakeUp('b')]);
    await taker.until(2);
    await taker.at(1).ack();
    await harness().pass(1000);
    expect(taker.ids).toEqual(['a', 'b']);
    expect(await queue.depth()).toEqual({ waiting: 1, taken: 0 });
    await harness().pass(1000);
    await taker.until(3);
    expect(taker.ids).toEqual(['a', 'b', 'a']);
  });

  (features.collapses ? test : test.skip)('a wake-up that waits already is not added again', async () => {
    const { queue } = harness();
    await queue.publish([wakeUp('a'), wakeUp('a')]);
    await Promise.all([queue.publish([wakeUp('a')]), queue.publish([wakeUp('a'), wakeUp('b')])]);
    expect(await queue.depth()).toEqual({ waiting: 2, taken: 0 });
  });

  test('a wake-up published while an earlier one of its record is taken comes after that is acked', async () => {
    const { queue } = harness();
    const taker = new Taker(queue, 1);
    await queue.publish([wakeUp('a')]);
    await taker.until(1);
    await queue.publish([wakeUp('a')]);
    await taker.at(0).ack();
    expect((await taker.until(2))[1]).toMatchObject({ id: 'a' });
    await taker.at(1).ack();
    expect(await queue.depth()).toEqual({ waiting: 0, taken: 0 });
  });

  test('an ack and a publish of the same record at once never lose the publish', async () => {
    const { queue } = harness();
    const taker = new Taker(queue, 1);
    await queue.publish([wakeUp('a')]);
    for (let n = 1; n <= 20; n += 1) {
      await taker.until(n);
      const taken = taker.at(n - 1);
      if (n % 2 === 0) await Promise.all([taken.ack(), queue.publish([wakeUp('a')])]);
      else await Promise.all([queue.publish([wakeUp('a')]), taken.ack()]);
    }
    expect((await taker.until(21)).length).toBe(21);
  });
}

function surviving({ harness, features }: Given): void {
  for (const how of ['crashed', 'closed'] as const) {
    (features.durable ? test : test.skip)(
      `after the queue was ${how}, what waited or was not settled is handed out, and what was acked is not`,
      async () => {
        const first = new Taker(harness().queue, 3);
        await harness().queue.publish(wakeUps(6));
        await first.until(3);
        await first.stop();
        await first.at(0).ack();
        await first.at(1).release(2000);
        await harness().restart(how);
        // A broker may need a moment to see that a consumer is gone.
        let depth = await harness().queue.depth();
        for (; depth.waiting < 5; depth = await harness().queue.depth()) await new Promise((resolve) => setImmediate(resolve));
        expect(depth.taken).toBe(0);
        await harness().pass(2000);
        const second = new Taker(harness().queue, 10);
        // At least once: what was on its way back when the broker died may be there twice.
        for (let count = 5; new Set(second.ids).size < 5; count += 1) await second.until(count);
        expect([...new Set(second.ids)].sort()).toEqual(
          wakeUps(6)
            .map((each) => each.id)
            .filter((id) => id !== first.at(0).id),
        );
      },
    );
  }

  test('a long queue is handed out whole, each once', async () => {
    const { queue } = harness();
    const count = 12_000;
    await queue.publish(wakeUps(count));
    const settled: Promise<void>[] = [];
    const taker = new Taker(queue, 500, (taken) => void settled.push(taken.ack()));
    await taker.until(count);
    await Promise.all(settled);
    expect(new Set(taker.ids).size).toBe(count);
    expect(await queue.depth()).toEqual({ waiting: 0, taken: 0 });
  });
}
