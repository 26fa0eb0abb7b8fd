import { describe, expect, jest, test } from '@jest/globals';
import { Taker, wakeUp, wakeUps } from '../contracts/taker.js';
import { resolvesOrNot, Stage, UNAVAILABLE, until } from './rabbitmq-harness.js';

// A broker that was killed needs its time to start on a busy machine.
jest.setTimeout(120_000);
const stage = new Stage();

describe('a broker that is killed', () => {
  test('rejects what is not confirmed, hangs nothing, and is gone on with when it is back', async () => {
    const taker = new Taker(stage.rabbit.queue, 200, (taken) => void taken.ack());
    const publishing = Array.from({ length: 20 }, () => stage.rabbit.queue.publish(wakeUps(2000)));
    const outcomes = Promise.allSettled(publishing);
    await taker.until(100);
    await stage.broker.kill();
    const refused = (await outcomes).filter((each) => each.status === 'rejected').map((each) => each.reason as unknown);
    expect(refused.length).toBeGreaterThan(0);
    for (const reason of refused) expect(reason).toMatchObject(UNAVAILABLE);
    await expect(stage.rabbit.queue.publish([wakeUp('x')])).rejects.toMatchObject(UNAVAILABLE);
    await expect(stage.rabbit.queue.depth()).rejects.toMatchObject(UNAVAILABLE);
    await expect(stage.rabbit.probe()).rejects.toMatchObject(UNAVAILABLE);

    await stage.broker.start();
    await until(() => resolvesOrNot(stage.rabbit.queue.publish([wakeUp('after')])));
    await until(() => taker.ids.includes('after'));
    await until(() => stage.events.filter((event) => event.startsWith('reconnected')).length === 2);
    expect(stage.events.filter((event) => event.startsWith('disconnected'))).toHaveLength(2);
    await stage.rabbit.probe();
  });

  test('hands out again what was taken and not settled; what was taken before can be settled and changes nothing', async () => {
    const taker = new Taker(stage.rabbit.queue, 3);
    await stage.rabbit.queue.publish(wakeUps(3));
    await taker.until(3);
    await stage.broker.kill();
    await Promise.all([taker.at(0).ack(), taker.at(1).release(0), taker.at(2).release(5000)]);
    await stage.broker.start();
    await taker.until(6);
    expect([...new Set(taker.ids)]).toHaveLength(3);
    await Promise.all(taker.taken.map((taken) => taken.ack()));
    await until(async () => (await stage.look(stage.group)).ready === 0);
    expect(await stage.rabbit.queue.depth()).toEqual({ waiting: 0, taken: 0 });
  });

  test('is waited for at the start, and connected to when it is there', async () => {
    await stage.broker.kill();
    const seen: string[] = [];
    const early = await stage.open({ onConnection: (event) => seen.push(event) });
    expect(seen).toEqual(['disconnected', 'disconnected']);
    const taker = new Taker(early.queue, 1);
    await expect(early.queue.publish([wakeUp('a')])).rejects.toMatchObject(UNAVAILABLE);
    await stage.broker.start();
    await until(() => resolvesOrNot(early.queue.publish([wakeUp('a')])));
    await taker.until(1);
  });
});

describe('a broker that stands still', () => {
  test('lets a publish reject and a stop return in bounded time, and confirms again when it goes on', async () => {
    const taker = new Taker(stage.rabbit.queue, 1);
    await stage.rabbit.queue.publish(wakeUps(2));
    await taker.until(1);
    await stage.broker.pause();
    try {
      await expect(stage.rabbit.queue.publish([wakeUp('x')])).rejects.toMatchObject(UNAVAILABLE);
      await expect(stage.rabbit.probe()).rejects.toMatchObject(UNAVAILABLE);
      await taker.stop();
    } finally {
      await stage.broker.resume();
    }
    await until(() => resolvesOrNot(stage.rabbit.queue.publish([wakeUp('y')])));
  });

  test('with a memory alarm refuses what is published until it is over, and goes on handing out', async () => {
    await stage.rabbit.queue.publish(wakeUps(1));
    await stage.broker.ctl('set_vm_memory_high_watermark', '0.00001');
    try {
      await expect(stage.rabbit.queue.publish(wakeUps(500))).rejects.toMatchObject(UNAVAILABLE);
      await expect(stage.rabbit.queue.publish([wakeUp('x')])).rejects.toThrow(/blocks publishers/);
      await expect(stage.rabbit.probe()).rejects.toMatchObject(UNAVAILABLE);
      const taker = new Taker(stage.rabbit.queue, 1);
      await taker.until(1);
      await taker.at(0).ack();
      await taker.stop();
    } finally {
      await stage.broker.ctl('set_vm_memory_high_watermark', '0.4');
    }
    await until(() => resolvesOrNot(stage.rabbit.queue.publish([wakeUp('y')])));
    await stage.rabbit.probe();
  });
});
