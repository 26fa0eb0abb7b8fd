import { describe, expect, jest, test } from '@jest/globals';
import { Taker, wakeUp, wakeUps } from '../contracts/taker.js';
import { resolvesOrNot, Stage, UNAVAILABLE, until } from './rabbitmq-harness.js';

jest.setTimeout(60_000);
const stage = new Stage();

describe('queues', () => {
  test('what no queue takes is refused, and the queue is made again', async () => {
    await stage.beside(async (connection) => {
      const channel = await connection.createChannel();
      await channel.deleteQueue(stage.group);
    });
    const results = await Promise.allSettled([
      stage.rabbit.queue.publish([wakeUp('u', { priority: 'urgent' })]),
      stage.rabbit.queue.publish([wakeUp('a'), wakeUp('b')]),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await until(() => resolvesOrNot(stage.rabbit.queue.publish([wakeUp('a')])));
    const taker = new Taker(stage.rabbit.queue, 5);
    expect((await taker.until(2)).map(({ id }) => id).sort()).toEqual(['a', 'u']);
  });

  test('a queue that is deleted under its consumer is made again and consumed', async () => {
    const taker = new Taker(stage.rabbit.queue, 5);
    await until(async () => (await stage.look(stage.group)).consumers === 1);
    await stage.beside(async (connection) => {
      const channel = await connection.createChannel();
      await channel.deleteQueue(stage.group);
      await channel.deleteQueue(`${stage.group}.urgent`);
    });
    await until(() => resolvesOrNot(stage.rabbit.queue.publish([wakeUp('a'), wakeUp('b', { priority: 'urgent' })])));
    await until(() => ['a', 'b'].every((id) => taker.ids.includes(id)));
  });

  test('a delay that is deleted gives back at once, and is made again', async () => {
    const taker = new Taker(stage.rabbit.queue, 1);
    await stage.rabbit.queue.publish([wakeUp('a')]);
    await taker.until(1);
    await stage.beside(async (connection) => {
      const channel = await connection.createChannel();
      await channel.deleteExchange(`${stage.group}.delay-32s`);
    });
    await taker.at(0).release(30_000);
    await taker.until(2);
    await until(() =>
      stage
        .beside(async (connection) => {
          const channel = await connection.createChannel();
          channel.on('error', () => {});
          return resolvesOrNot(channel.checkExchange(`${stage.group}.delay-32s`));
        })
        .catch(() => false),
    );
  });

  test('a message that is none of ours is dropped and told of', async () => {
    const unreadable: string[] = [];
    const other = await stage.open({ onUnreadable: (queue) => unreadable.push(queue) });
    const taker = new Taker(other.queue, 5);
    await stage.beside(async (connection) => {
      const channel = await connection.createConfirmChannel();
      for (const text of ['{', '"a"', '{"schemaVersion":2,"tenant":"t","id":"i"}', '{"schemaVersion":1,"tenant":"t"}']) {
        channel.sendToQueue(stage.group, Buffer.from(text));
      }
      await channel.waitForConfirms();
    });
    await other.queue.publish([wakeUp('a')]);
    await taker.until(1);
    expect(unreadable).toEqual([stage.group, stage.group, stage.group, stage.group]);
    expect(await other.queue.depth()).toEqual({ waiting: 0, taken: 1 });
  });

  test('a wake-up that is handed back again and again is dropped after its delivery limit', async () => {
    const taker = new Taker(stage.rabbit.queue, 1, (taken) => void taken.release(0));
    await stage.rabbit.queue.publish([wakeUp('a')]);
    await taker.until(21);
    await until(async () => (await stage.look(stage.group)).ready === 0);
    expect(taker.taken.map(({ redeliveries }) => redeliveries)).toEqual(Array.from({ length: 21 }, (_, n) => n));
    expect(await stage.rabbit.queue.depth()).toEqual({ waiting: 0, taken: 0 });
  });

  test('a delayed release counts as a redelivery', async () => {
    const taker = new Taker(stage.rabbit.queue, 1);
    await stage.rabbit.queue.publish([wakeUp('a', { userId: 'u', priority: 'urgent' })]);
    await taker.until(1);
    await taker.at(0).release(800);
    await taker.until(2);
    expect(taker.at(1)).toMatchObject({ id: 'a', userId: 'u', priority: 'urgent', redeliveries: 1 });
  });
});

describe('consumers', () => {
  test('the broker gives one of them no more than its prefetch of each queue', async () => {
    const taker = new Taker(stage.rabbit.queue, 4);
    await stage.rabbit.queue.publish(wakeUps(20));
    await stage.rabbit.queue.publish(wakeUps(20).map((each) => ({ ...each, priority: 'urgent' as const })));
    await taker.until(4);
    const unacked = async (): Promise<number[]> => {
      const said = await stage.broker.ctl('list_channels', 'messages_unacknowledged', '--no-table-headers');
      return said.split('\n').map(Number);
    };
    await until(async () => (await unacked()).includes(8));
    expect(Math.max(...(await unacked()))).toBe(8);
    expect(await stage.rabbit.queue.depth()).toEqual({ waiting: 36, taken: 4 });
  });

  test('two processes compete, and what one held comes to the other when it goes', async () => {
    const other = await stage.open();
    const mine = new Taker(stage.rabbit.queue, 10);
    const theirs = new Taker(other.queue, 10);
    await until(async () => (await stage.look(stage.group)).consumers === 2);
    await stage.rabbit.queue.publish(wakeUps(20));
    await Promise.all([mine.until(10), theirs.until(10)]);
    expect(new Set([...mine.ids, ...theirs.ids]).size).toBe(20);
    await Promise.all(mine.taken.map((taken) => taken.ack()));
    await other.close();
    await mine.until(20);
    expect(mine.ids.slice(10).sort()).toEqual(theirs.ids.sort());
  });

  test('one that the broker has forgotten without a word is made anew', async () => {
    const taker = new Taker(stage.rabbit.queue, 5);
    await until(async () => (await stage.look(stage.group)).consumers === 1);
    // As it was seen to happen where a queue is deleted and made again while its consumer subscribes.
    await stage.broker.ctl(
      'eval',
      `{ok, Queue} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"${stage.group}">>)),
       [Consumer | _] = rabbit_amqqueue:consumers(Queue),
       Cancel = rabbit_fifo:make_checkout({element(2, Consumer), element(1, Consumer)}, cancel, #{}),
       ra:process_command(amqqueue:get_pid(Queue), Cancel).`,
    );
    expect(await stage.look(stage.group)).toEqual({ ready: 0, consumers: 0 });
    await stage.rabbit.queue.publish([wakeUp('a')]);
    await taker.until(1);
  });

  test('what is waiting in a stopped consumer goes back at once', async () => {
    const taker = new Taker(stage.rabbit.queue, 2);
    await stage.rabbit.queue.publish(wakeUps(2));
    await stage.rabbit.queue.publish(wakeUps(2).map((each) => ({ ...each, id: `u${each.id}`, priority: 'urgent' as const })));
    await taker.until(2);
    await until(async () => (await stage.look(stage.group)).ready + (await stage.look(`${stage.group}.urgent`)).ready === 0);
    await taker.stop();
    await until(async () => (await stage.look(stage.group)).ready + (await stage.look(`${stage.group}.urgent`)).ready === 2);
    expect(await stage.rabbit.queue.depth()).toEqual({ waiting: 2, taken: 2 });
    await Promise.all(taker.taken.map((taken) => taken.ack()));
    await until(async () => (await stage.look(stage.group)).consumers === 0);
  });

  test('a channel that the broker closes because of its time limit is made again', async () => {
    const limits = (timeout: number, tick: number): Promise<string> =>
      stage.broker.ctl(
        'eval',
        `application:set_env(rabbit, consumer_timeout, ${timeout}), application:set_env(rabbit, channel_tick_interval, ${tick}).`,
      );
    await limits(1000, 500);
    try {
      const other = await stage.open();
      const taker = new Taker(other.queue, 2);
      await other.queue.publish(wakeUps(1));
      await taker.until(2);
      expect(taker.ids).toEqual(['w0000', 'w0000']);
      await taker.at(0).ack();
      await taker.at(1).ack();
      await until(async () => (await other.queue.depth()).taken === 0);
    } finally {
      await limits(1_800_000, 60_000);
    }
  });
});

describe('opening', () => {
  test('wrong credentials, and queues of another kind, are refused with what to do', async () => {
    const uri = stage.broker.uri.replace('guest:guest', 'guest:secret-word');
    await expect(stage.open({ url: uri })).rejects.toMatchObject({
      ...UNAVAILABLE,
      message: expect.stringContaining('RABBITMQ_PASSWORD'),
    });
    await expect(stage.open({ url: uri })).rejects.not.toThrow(/secret-word/);
    await expect(stage.open({ url: `${stage.broker.uri}/nowhere` })).rejects.toMatchObject(UNAVAILABLE);
    const taken = stage.freshGroup();
    await stage.beside(async (connection) => {
      await (await connection.createChannel()).assertQueue(taken, { durable: true });
    });
    await expect(stage.open({ group: taken })).rejects.toMatchObject({
      ...UNAVAILABLE,
      message: expect.stringContaining('RABBITMQ_CONSUMER_GROUP'),
    });
  });

  test('closing waits for what is being published, and may be repeated', async () => {
    const publishing = stage.rabbit.queue.publish(wakeUps(3000));
    await Promise.all([stage.rabbit.close(), stage.rabbit.close()]);
    await publishing;
    await expect(stage.rabbit.queue.publish([wakeUp('x')])).rejects.toMatchObject(UNAVAILABLE);
    expect((await stage.look(stage.group)).ready).toBe(3000);
  });
});
