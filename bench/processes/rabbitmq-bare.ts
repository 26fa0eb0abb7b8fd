/** Contestant "bare amqplib": a confirm channel with a window, and a consumer that acks many at once. Same queue, same bodies. */
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import { serve } from '../child.js';
import { Exactly } from '../exact.js';
import { meter, type Spent } from '../meter.js';
import { type RabbitPass, seqOf, WINDOW, wakeUpOf } from './rabbitmq.js';

const QUEUE = 'bench.bare';
/** Acked together; half the window leaves the broker the other half to send. */
const ACKED_TOGETHER = WINDOW / 2;

let connection: ChannelModel;
let publisher: ConfirmChannel;

async function publish({ items }: RabbitPass): Promise<Spent> {
  const spent = meter();
  await new Promise<void>((resolve, reject) => {
    let sent = 0;
    let confirmed = 0;
    const onConfirm = (error: unknown): void => {
      confirmed += 1;
      if (error !== null) reject(error instanceof Error ? error : new Error(String(error)));
      else if (confirmed === items) resolve();
      else fill();
    };
    const fill = (): void => {
      while (sent < items && sent - confirmed < WINDOW) {
        const body = Buffer.from(JSON.stringify({ schemaVersion: 1, ...wakeUpOf(sent), redeliveries: 0 }));
        publisher.sendToQueue(QUEUE, body, { persistent: true, mandatory: true }, onConfirm);
        sent += 1;
      }
    };
    fill();
  });
  return spent();
}

async function consume({ items }: RabbitPass): Promise<Spent> {
  const seen = new Exactly(items);
  const spent = meter();
  const channel = await connection.createChannel();
  await channel.prefetch(WINDOW);
  await new Promise<void>((resolve, reject) => {
    let unacked = 0;
    const onMessage = (message: { content: Buffer } | null): void => {
      if (message === null) {
        reject(new Error('the queue is gone'));
        return;
      }
      seen.tick(seqOf((JSON.parse(message.content.toString()) as { id: string }).id));
      unacked += 1;
      if (unacked === ACKED_TOGETHER || seen.complete) {
        channel.ack(message as Parameters<typeof channel.ack>[0], true);
        unacked = 0;
      }
      if (seen.complete) resolve();
    };
    channel.consume(QUEUE, onMessage).catch(reject);
  });
  await channel.close();
  const taken = spent();
  seen.check('bare amqplib');
  return taken;
}

serve({
  async open(url: string) {
    connection = await connect(url, { noDelay: true });
    publisher = await connection.createConfirmChannel();
    await publisher.assertQueue(QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 20 } });
    await publisher.purgeQueue(QUEUE);
  },
  publish,
  consume,
  left: async () => (await publisher.checkQueue(QUEUE)).messageCount,
  close: () => connection.close(),
});
