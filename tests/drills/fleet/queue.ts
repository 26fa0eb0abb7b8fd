import { connect } from 'amqplib';
import { topologyOf } from '../../../src/adapters/rabbitmq/topology.js';
import type { OwnServer } from '../../support/servers/own.js';

/** RABBITMQ_CONSUMER_GROUP where nobody sets it. */
const GROUP = 'notification-workers';

/**
 * Wake-ups that wait to be handed out, in every queue of the fleet, those of delays included. Asks the broker itself, not the
 * fleet. With no consumer left nothing can be unacknowledged: what had been is waiting again.
 */
export async function leftInQueues({ uri }: OwnServer): Promise<number> {
  const { normal, urgent, delays } = topologyOf(GROUP);
  const connection = await connect(uri);
  try {
    const channel = await connection.createChannel();
    let waiting = 0;
    for (const name of [normal, urgent, ...delays.map((delay) => delay.name)]) waiting += (await channel.checkQueue(name)).messageCount;
    return waiting;
  } finally {
    await connection.close();
  }
}
