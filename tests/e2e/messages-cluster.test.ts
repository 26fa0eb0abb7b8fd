import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { databaseOn } from '../adapters/mongo-harness.js';
import { eventually, startApp, type TestApp } from '../support/app.js';
import { openStream } from '../support/event-stream.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { messagesDeskSuite } from './messages-desk-suite.js';
import { messagesReceiptsSuite } from './messages-receipts-suite.js';
import { historyOf, message, messagesSuite, post, streamOf, untilStored } from './messages-suite.js';

const [mongodb, rabbitmq, redis] = await Promise.all([serverOrSkip('mongodb'), serverOrSkip('rabbitmq'), serverOrSkip('redis')]);
const DB = 1;

describeWith(mongodb, 'With MongoDB', (mongo) => {
  describeWith(rabbitmq, 'RabbitMQ', (rabbit) => {
    describeWith(redis, 'and Redis', (log) => {
      /** Names of a fleet's own on all three. */
      const fleet = (): Readonly<Record<string, string>> => ({
        MONGODB_URI: databaseOn(mongo.uri),
        RABBITMQ_URL: rabbit.uri,
        RABBITMQ_CONSUMER_GROUP: `test-${randomUUID()}`,
        REDIS_URL: log.uri,
        REDIS_KEY_PREFIX: `test-${randomUUID().slice(0, 8)}:`,
        JWT_SECRET: 'x'.repeat(40),
        MIGRATE_AT_START: 'true',
        SINK: 'off',
      });

      messagesSuite('Messages of a fleet', async () => fleet());

      messagesReceiptsSuite('Receipts of a fleet', async () => fleet());

      messagesDeskSuite('The desk and messages that are dead, of a fleet', async () => fleet());

      describe('Two processes', () => {
        const settings = fleet();
        const prefix = settings['REDIS_KEY_PREFIX'] ?? '';
        let client: Redis;
        let apps: readonly [TestApp, TestApp];
        beforeAll(async () => {
          client = new Redis(log.uri, { db: DB });
          apps = [await startApp({ ...settings, WORKER_ID: 'one' }), await startApp({ ...settings, WORKER_ID: 'two' })];
        }, 60_000);
        afterAll(async () => {
          await apps?.[0].stop();
          client?.disconnect();
        });

        it('share the partitions evenly', async () => {
          const owners = async (): Promise<readonly (string | null)[]> => (await streamOf(apps[0])).depth.map(({ owner }) => owner);
          await eventually(async () => {
            const all = await owners();
            return all.filter((owner) => owner === 'one').length === 8 && all.filter((owner) => owner === 'two').length === 8;
          }, 20_000);
        }, 30_000);

        it('keep a conversation in order, whichever of them is asked', async () => {
          for (let n = 0; n < 30; n += 1) {
            const app = n % 2 === 0 ? apps[0] : apps[1];
            await post(app, message({ conversationId: 'both', clientMessageId: `b-${n}`, content: `${n}` }));
          }
          const stored = await untilStored(apps[0], 'both', 30);
          expect(stored.map(({ content }) => content)).toEqual(Array.from({ length: 30 }, (_, n) => `${n}`));
        });

        it('show messages and receipts to those who listen to the other one', async () => {
          const room = 'seen-elsewhere';
          const listener = await openStream(`${apps[1].url}/api/v1/conversations/${room}/stream`);
          try {
            const id = await post(apps[0], message({ conversationId: room }));
            await untilStored(apps[0], room, 1);
            expect(await listener.events(1)).toMatchObject([{ event: 'message', data: { messageId: id } }]);
            await apps[0].send('POST', `/api/v1/messages/${id}/receipts`, { userId: 'user_002', state: 'read' });
            const [, receipt] = await listener.events(2);
            expect(receipt).toMatchObject({ event: 'receipt', data: { messageId: id, userId: 'user_002', state: 'read' } });
          } finally {
            listener.close();
          }
        });

        it('find the message in the stream of its partition, read by the group', async () => {
          const { partition } = (await apps[0].get<{ partition: number }>('/api/v1/streams/messages/partition?key=both')).body;
          const stream = `${prefix}msg:stream:${partition}`;
          expect(await client.xlen(stream)).toBeGreaterThanOrEqual(30);
          const [group] = (await client.xinfo('GROUPS', stream)) as unknown[][];
          const facts = new Map<unknown, unknown>();
          for (let n = 0; n < (group ?? []).length; n += 2) facts.set(group?.[n], group?.[n + 1]);
          expect(facts.get('name')).toBe('persistence-workers');
          expect(facts.get('lag')).toBe(0);
        });

        it('store nothing twice, and know the id, after Redis has lost what it remembered of keys', async () => {
          const body = message({ conversationId: 'forgotten', clientMessageId: 'f-1' });
          const id = await post(apps[0], body);
          await untilStored(apps[0], 'forgotten', 1);
          const keys = await client.keys(`dedupe:{${prefix}*`);
          expect(keys.length).toBeGreaterThan(0);
          await client.del(...keys);
          const again = await apps[1].send<{ messageId: string }>('POST', '/api/v1/messages', body);
          expect(again.body.messageId).toBe(id);
          await eventually(async () => (await streamOf(apps[0])).depth.every(({ lag, pending }) => lag + pending === 0));
          expect((await historyOf(apps[0], 'forgotten')).data).toHaveLength(1);
        });

        it('are one when the other has stopped, which leaves its partitions at once', async () => {
          await apps[1].stop();
          const stopped = performance.now();
          await eventually(async () => (await streamOf(apps[0])).depth.every(({ owner }) => owner === 'one'));
          // Left in order, not waited for until its leases run out.
          expect(performance.now() - stopped).toBeLessThan(5_000);
        });
      });
    });
  });
});
