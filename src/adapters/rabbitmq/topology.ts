import type { Channel } from 'amqplib';

/**
 * How often the broker hands a wake-up out again before it drops it. That loses no work: the store is the truth, and the
 * sweeper publishes what is due and not leased. Without a limit a wake-up that kills whoever takes it would circle for ever;
 * RabbitMQ before 4.0 has none by default.
 */
const DELIVERY_LIMIT = 20;

/** A delayed release waits in the queue of the nearest of these; what is put off for longer comes after the last. */
const DELAYS_S = [1, 2, 4, 8, 16, 32] as const;

/** A queue whose messages go back to where they came from after `ms`, and the exchange through which they get there. */
export interface Delay {
  readonly ms: number;
  readonly name: string;
}

export interface Topology {
  readonly normal: string;
  readonly urgent: string;
  readonly delays: readonly Delay[];
}

export function topologyOf(group: string): Topology {
  return {
    normal: group,
    urgent: `${group}.urgent`,
    delays: DELAYS_S.map((s) => ({ ms: s * 1000, name: `${group}.delay-${s}s` })),
  };
}

export function nearestDelay({ delays }: Topology, ms: number): Delay {
  return delays.reduce((best, each) => (Math.abs(each.ms - ms) < Math.abs(best.ms - ms) ? each : best));
}

/** Makes what is not there; gives back how many wake-ups are ready. Rejects (406) where a queue has other arguments. */
export async function declareQueue(channel: Channel, name: string): Promise<number> {
  const declared = await channel.assertQueue(name, {
    durable: true,
    arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': DELIVERY_LIMIT },
  });
  return declared.messageCount;
}

/** Whether anybody consumes both queues, for all that the broker knows. */
export async function isConsumed(channel: Channel, { normal, urgent }: Topology): Promise<boolean> {
  const answers = [await channel.checkQueue(urgent), await channel.checkQueue(normal)];
  return answers.every(({ consumerCount }) => consumerCount > 0);
}

async function declareDelay(channel: Channel, { name, ms }: Delay): Promise<number> {
  const declared = await channel.assertQueue(name, {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      'x-message-ttl': ms,
      // The default exchange, by the routing key of the message: the queue that it is to go back to.
      'x-dead-letter-exchange': '',
      // What expires while that queue has no leader is kept until it has. This strategy asks for the overflow setting.
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
    },
  });
  return declared.messageCount;
}

/** Makes what is not there; gives back how many wake-ups are ready or delayed. */
export async function declareAll(channel: Channel, { normal, urgent, delays }: Topology): Promise<number> {
  let waiting = (await declareQueue(channel, urgent)) + (await declareQueue(channel, normal));
  for (const delay of delays) {
    waiting += await declareDelay(channel, delay);
  }
  return waiting;
}

/** So that a message can wait in a queue and keep, as its routing key, the name of another. */
export async function bindDelays(channel: Channel, { delays }: Topology): Promise<void> {
  for (const { name } of delays) {
    await channel.assertExchange(name, 'fanout', { durable: true });
    await channel.bindQueue(name, name, '');
  }
}
