import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type ChannelModel, connect } from 'amqplib';
import type { Rabbit } from '../../src/adapters/rabbitmq/rabbitmq.js';
import { Taker, wakeUp, wakeUps } from '../contracts/taker.js';
import { type Broker, startBroker } from './rabbitmq-broker.js';
import { freshGroup, look, open } from './rabbitmq-harness.js';

const UNAVAILABLE = { name: 'SignalboxError', code: 'queue-unavailable' };

let broker: Broker;
let group: string;
let rabbit: Rabbit;
let events: string[];

beforeAll(async () => {
  broker = await startBroker();
});
afterAll(() => broker.dispose());

beforeEach(async () => {
  group = freshGroup();
  events = [];
  rabbit = await open(broker, { group, onConnection: (event, detail) => events.push(`${event} ${detail}`) });
});
afterEach(async () => {
  if (!broker.running) await broker.start();
  await rabbit.close();
});

/** Asks again until it is so; the test's own time limit bounds it. */
async function until(question: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await question())) await setTimeout(20);
}

/** A plain connection beside the adapter's. */
async function beside<T>(work: (connection: ChannelModel) => Promise<T>): Promise<T> {
  const connection = await connect(broker.uri);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

async function resolvesOrNot(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

describe('a broker that is killed', () => {
  test('rejects what is not confirmed, hangs nothing, and is gone on with when it is back', async () => {
    const taker = new Taker(rabbit.queue, 5, (taken) => void taken.ack());
    await rabbit.queue.publish(wakeUps(3));
    await taker.until(3);
    const publishing = Array.from({ length: 20 }, () => rabbit.queue.publish(wakeUps(2000)));
    const outcomes = Promise.allSettled(publishing);
    await taker.until(100);
    await broker.kill();
    const refused = (await outcomes).filter((each) => each.status === 'rejected').map((each) => each.reason as unknown);
    expect(refused.length).toBeGreaterThan(0);
    for (const reason of refused) expect(reason).toMatchObject(UNAVAILABLE);
    await expect(rabbit.queue.publish([wakeUp('x')])).rejects.toMatchObject(UNAVAILABLE);
    await expect(rabbit.queue.depth()).rejects.toMatchObject(UNAVAILABLE);
    await expect(rabbit.probe()).rejects.toMatchObject(UNAVAILABLE);

    await broker.start();
    await until(() => resolvesOrNot(rabbit.queue.publish([wakeUp('after')])));
    await until(() => taker.ids.includes('after'));
    await until(() => events.filter((event) => event.startsWith('reconnected')).length === 2);
    expect(events.filter((event) => event.startsWith('disconnected'))).toHaveLength(2);
    await rabbit.probe();
  }, 90_000);

  test('hands out again what was taken and not settled; what was taken before can be settled and changes nothing', async () => {
    const taker = new Taker(rabbit.queue, 3);
    await rabbit.queue.publish(wakeUps(3));
    await taker.until(3);
    await broker.kill();
    await Promise.all([taker.at(0).ack(), taker.at(1).release(0), taker.at(2).release(5000)]);
    await broker.start();
    await taker.until(6);
    expect([...new Set(taker.ids)]).toHaveLength(3);
    await Promise.all(taker.taken.map((taken) => taken.ack()));
    await until(async () => (await look(broker, group)).ready === 0);
    expect(await rabbit.queue.depth()).toEqual({ waiting: 0, taken: 0 });
  }, 90_000);

  test('is waited for at the start, and connected to when it is there', async () => {
    await broker.kill();
    const seen: string[] = [];
    const early = await open(broker, { onConnection: (event) => seen.push(event) });
    expect(seen).toEqual(['disconnected', 'disconnected']);
    const taker = new Taker(early.queue, 1);
    await expect(early.queue.publish([wakeUp('a')])).rejects.toMatchObject(UNAVAILABLE);
    await broker.start();
    await until(() => resolvesOrNot(early.queue.publish([wakeUp('a')])));
    await taker.until(1);
    await early.close();
  }, 90_000);
});

describe('a broker that stands still', () => {
  test('lets a publish reject and a stop return in bounded time, and confirms again when it goes on', async () => {
    const taker = new Taker(rabbit.queue, 1);
    await rabbit.queue.publish(wakeUps(2));
    await taker.until(1);
    await broker.pause();
    try {
      await expect(rabbit.queue.publish([wakeUp('x')])).rejects.toMatchObject(UNAVAILABLE);
      await expect(rabbit.probe()).rejects.toMatchObject(UNAVAILABLE);
      await taker.stop();
    } finally {
      await broker.resume();
    }
    await until(() => resolvesOrNot(rabbit.queue.publish([wakeUp('y')])));
  });

  test('with a memory alarm refuses what is published until it is over, and goes on handing out', async () => {
    await rabbit.queue.publish(wakeUps(1));
    await broker.ctl('set_vm_memory_high_watermark', '0.00001');
    try {
      await expect(rabbit.queue.publish(wakeUps(500))).rejects.toMatchObject(UNAVAILABLE);
      await expect(rabbit.queue.publish([wakeUp('x')])).rejects.toThrow(/blocks publishers/);
      await expect(rabbit.probe()).rejects.toMatchObject(UNAVAILABLE);
      const taker = new Taker(rabbit.queue, 1);
      await taker.until(1);
      await taker.at(0).ack();
      await taker.stop();
    } finally {
      await broker.ctl('set_vm_memory_high_watermark', '0.4');
    }
    await until(() => resolvesOrNot(rabbit.queue.publish([wakeUp('y')])));
    await rabbit.probe();
  });
});

describe('queues', () => {
  test('what no queue takes is refused, and the queue is made again', async () => {
    await beside(async (connection) => {
      const channel = await connection.createChannel();
      await channel.deleteQueue(group);
    });
    const results = await Promise.allSettled([
      rabbit.queue.publish([wakeUp('u', { priority: 'urgent' })]),
      rabbit.queue.publish([wakeUp('a'), wakeUp('b')]),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await until(() => resolvesOrNot(rabbit.queue.publish([wakeUp('a')])));
    const taker = new Taker(rabbit.queue, 5);
    expect((await taker.until(2)).map(({ id }) => id).sort()).toEqual(['a', 'u']);
  });

  test('a queue that is deleted under its consumer is made again and consumed', async () => {
    const taker = new Taker(rabbit.queue, 5);
    await until(async () => (await look(broker, group)).consumers === 1);
    await beside(async (connection) => {
      const channel = await connection.createChannel();
      await channel.deleteQueue(group);
      await channel.deleteQueue(`${group}.urgent`);
    });
    await until(() => resolvesOrNot(rabbit.queue.publish([wakeUp('a'), wakeUp('b', { priority: 'urgent' })])));
    await until(() => ['a', 'b'].every((id) => taker.ids.includes(id)));
  });

  test('a delay that is deleted gives back at once, and is made again', async () => {
    const taker = new Taker(rabbit.queue, 1);
    await rabbit.queue.publish([wakeUp('a')]);
    await taker.until(1);
    await beside(async (connection) => {
      const channel = await connection.createChannel();
      await channel.deleteExchange(`${group}.delay-32s`);
    });
    await taker.at(0).release(30_000);
    await taker.until(2);
    await until(() =>
      beside(async (connection) => {
        const channel = await connection.createChannel();
        channel.on('error', () => {});
        return resolvesOrNot(channel.checkExchange(`${group}.delay-32s`));
      }).catch(() => false),
    );
  });

  test('a message that is none of ours is dropped and told of', async () => {
    const unreadable: string[] = [];
    const other = await open(broker, { group, onUnreadable: (queue) => unreadable.push(queue) });
    const taker = new Taker(other.queue, 5);
    await beside(async (connection) => {
      const channel = await connection.createConfirmChannel();
      for (const text of ['{', '"a"', '{"schemaVersion":2,"tenant":"t","id":"i"}', '{"schemaVersion":1,"tenant":"t"}']) {
        channel.sendToQueue(group, Buffer.from(text));
      }
      await channel.waitForConfirms();
    });
    await other.queue.publish([wakeUp('a')]);
    await taker.until(1);
    expect(unreadable).toEqual([group, group, group, group]);
    expect(await other.queue.depth()).toEqual({ waiting: 0, taken: 1 });
    await other.close();
  });

  test('a wake-up that is handed back again and again is dropped after its delivery limit', async () => {
    const taker = new Taker(rabbit.queue, 1, (taken) => void taken.release(0));
    await rabbit.queue.publish([wakeUp('a')]);
    await taker.until(21);
    await until(async () => (await look(broker, group)).ready === 0);
    expect(taker.taken.map(({ redeliveries }) => redeliveries)).toEqual(Array.from({ length: 21 }, (_, n) => n));
    expect(await rabbit.queue.depth()).toEqual({ waiting: 0, taken: 0 });
  });

  test('a delayed release counts as a redelivery', async () => {
    const taker = new Taker(rabbit.queue, 1);
    await rabbit.queue.publish([wakeUp('a', { userId: 'u', priority: 'urgent' })]);
    await taker.until(1);
    await taker.at(0).release(800);
    await taker.until(2);
    expect(taker.at(1)).toMatchObject({ id: 'a', userId: 'u', priority: 'urgent', redeliveries: 1 });
  });
});

describe('consumers', () => {
  test('the broker gives one of them no more than its prefetch of each queue', async () => {
    const taker = new Taker(rabbit.queue, 4);
    await rabbit.queue.publish(wakeUps(20));
    await rabbit.queue.publish(wakeUps(20).map((each) => ({ ...each, priority: 'urgent' as const })));
    await taker.until(4);
    const unacked = async (): Promise<number[]> => {
      const said = await broker.ctl('list_channels', 'messages_unacknowledged', '--no-table-headers');
      return said.split('\n').map(Number);
    };
    await until(async () => (await unacked()).includes(8));
    expect(Math.max(...(await unacked()))).toBe(8);
    expect(await rabbit.queue.depth()).toEqual({ waiting: 36, taken: 4 });
  });

  test('two processes compete, and what one held comes to the other when it goes', async () => {
    const other = await open(broker, { group });
    const mine = new Taker(rabbit.queue, 10);
    const theirs = new Taker(other.queue, 10);
    await until(async () => (await look(broker, group)).consumers === 2);
    await rabbit.queue.publish(wakeUps(20));
    await Promise.all([mine.until(10), theirs.until(10)]);
    expect(new Set([...mine.ids, ...theirs.ids]).size).toBe(20);
    await Promise.all(mine.taken.map((taken) => taken.ack()));
    await other.close();
    await mine.until(20);
    expect(mine.ids.slice(10).sort()).toEqual(theirs.ids.sort());
  });

  test('what is waiting in a stopped consumer goes back at once', async () => {
    const taker = new Taker(rabbit.queue, 2);
    await rabbit.queue.publish(wakeUps(2));
    await rabbit.queue.publish(wakeUps(2).map((each) => ({ ...each, id: `u${each.id}`, priority: 'urgent' as const })));
    await taker.until(2);
    await until(async () => (await look(broker, group)).ready + (await look(broker, `${group}.urgent`)).ready === 0);
    await taker.stop();
    await until(async () => (await look(broker, group)).ready + (await look(broker, `${group}.urgent`)).ready === 2);
    expect(await rabbit.queue.depth()).toEqual({ waiting: 2, taken: 2 });
    await Promise.all(taker.taken.map((taken) => taken.ack()));
    await until(async () => (await look(broker, group)).consumers === 0);
  });

  test('a channel that the broker closes because of its time limit is made again', async () => {
    await broker.ctl('eval', 'application:set_env(rabbit, consumer_timeout, 1000).');
    await broker.ctl('eval', 'application:set_env(rabbit, channel_tick_interval, 500).');
    try {
      const other = await open(broker, { group });
      const taker = new Taker(other.queue, 2);
      await other.queue.publish(wakeUps(1));
      await taker.until(2);
      expect(taker.ids).toEqual(['w0', 'w0']);
      await taker.at(0).ack();
      await taker.at(1).ack();
      await until(async () => (await other.queue.depth()).taken === 0);
      await other.close();
    } finally {
      await broker.ctl('eval', 'application:set_env(rabbit, consumer_timeout, 1800000).');
      await broker.ctl('eval', 'application:set_env(rabbit, channel_tick_interval, 60000).');
    }
  });
});

describe('opening', () => {
  test('wrong credentials, and queues of another kind, are refused with what to do', async () => {
    const uri = broker.uri.replace('guest:guest', 'guest:secret-word');
    await expect(open(broker, { url: uri })).rejects.toMatchObject({
      ...UNAVAILABLE,
      message: expect.stringContaining('RABBITMQ_PASSWORD'),
    });
    await expect(open(broker, { url: uri })).rejects.not.toThrow(/secret-word/);
    await expect(open(broker, { url: `${broker.uri}/nowhere` })).rejects.toMatchObject(UNAVAILABLE);
    const taken = freshGroup();
    await beside(async (connection) => {
      await (await connection.createChannel()).assertQueue(taken, { durable: true });
    });
    await expect(open(broker, { group: taken })).rejects.toMatchObject({
      ...UNAVAILABLE,
      message: expect.stringContaining('RABBITMQ_CONSUMER_GROUP'),
    });
  });

  test('closing waits for what is being published, and may be repeated', async () => {
    const publishing = rabbit.queue.publish(wakeUps(3000));
    await Promise.all([rabbit.close(), rabbit.close()]);
    await publishing;
    await expect(rabbit.queue.publish([wakeUp('x')])).rejects.toMatchObject(UNAVAILABLE);
    expect((await look(broker, group)).ready).toBe(3000);
  });
});
