import { connect } from 'amqplib';
import type { OwnServer } from '../../support/servers/own.js';

interface Left {
  /** Ready to be handed out, in every queue there is, those of delays included. */
  readonly waiting: number;
  readonly consumers: number;
}

/** Asks the broker itself, not the fleet. With no consumer left nothing can be unacknowledged: what had been is waiting again. */
export async function leftInQueues({ uri, ports }: OwnServer): Promise<Left> {
  const { username, password } = new URL(uri);
  const response = await fetch(`http://127.0.0.1:${ports[3]}/api/queues?columns=name`, {
    headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`RabbitMQ's management answered ${response.status}`);
  const queues = (await response.json()) as readonly { readonly name: string }[];
  const connection = await connect(uri);
  try {
    const channel = await connection.createChannel();
    let waiting = 0;
    let consumers = 0;
    for (const { name } of queues) {
      const told = await channel.checkQueue(name);
      waiting += told.messageCount;
      consumers += told.consumerCount;
    }
    return { waiting, consumers };
  } finally {
    await connection.close();
  }
}
