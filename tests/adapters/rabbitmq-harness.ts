import { setTimeout } from 'node:timers/promises';
import { connect } from 'amqplib';
import { openRabbit, type Rabbit, type RabbitOptions } from '../../src/adapters/rabbitmq/rabbitmq.js';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import type { QueueHarness } from '../contracts/queue-contract.js';
import type { Broker } from './rabbitmq-broker.js';

let groups = 0;

/** A base name that no other test uses. */
export function freshGroup(): string {
  groups += 1;
  return `test-${process.pid}-${groups}`;
}

export function open(broker: Broker, options: Partial<RabbitOptions> = {}): Promise<Rabbit> {
  return openRabbit({
    url: broker.uri,
    group: freshGroup(),
    name: 'test',
    timers: createSystemTimers(),
    clock: createSystemClock(),
    onConnection: () => {},
    ...options,
  });
}

/** Ready and consumers, as the queue itself counts them. */
export async function look(broker: Broker, queue: string): Promise<{ readonly ready: number; readonly consumers: number }> {
  const connection = await connect(broker.uri);
  try {
    const channel = await connection.createChannel();
    const { messageCount, consumerCount } = await channel.checkQueue(queue);
    return { ready: messageCount, consumers: consumerCount };
  } finally {
    await connection.close();
  }
}

/** The adapter on a real broker, on queues of its own. Time is real; a crash is the broker's, by SIGKILL. */
export async function makeRabbit(broker: Broker): Promise<QueueHarness> {
  const group = freshGroup();
  let current = await open(broker, { group });
  return {
    get queue() {
      return current.queue;
    },
    pass: (ms) => setTimeout(ms),
    async restart(how) {
      await current.close();
      if (how === 'crashed') {
        // The broker hears an ack, and keeps it, when it hears that the consumer is gone.
        while ((await look(broker, group)).consumers > 0) await setTimeout(5);
        await broker.kill();
        await broker.start();
      }
      current = await open(broker, { group });
    },
    dispose: () => current.close(),
  };
}
