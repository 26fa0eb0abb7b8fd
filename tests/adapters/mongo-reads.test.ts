import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { mongo } from 'mongoose';
import { HALVES, ON_THE_DESK, openIn, rested, statusesOf } from '../../src/adapters/mongo/backlog.js';
import { auditIn, countIn, doneByIn, groupsIn } from '../../src/adapters/mongo/desk.js';
import { afterIn, type ItemDocument, listIn as inboxIn, newestIn, unreadIn } from '../../src/adapters/mongo/inbox.js';
import { byIdsIn, byKeysIn, historyIn, type MessageDocument, type ReceiptDocument, receiptsIn } from '../../src/adapters/mongo/messages.js';
import { MESSAGES, NOTIFICATIONS, type NotificationDocument, RECEIPTS } from '../../src/adapters/mongo/model.js';
import { changedIn, type PersonDocument } from '../../src/adapters/mongo/people.js';
import { deliveriesIn, deliveryIn, listIn } from '../../src/adapters/mongo/reader.js';
import type { DeliveryFilter, ListQuery } from '../../src/ports/reader.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { planOf } from './mongo-explain.js';
import { type MongoHarness, makeMongo } from './mongo-harness.js';

type Read = (database: mongo.Db) => { explain(verbosity: 'queryPlanner'): Promise<unknown> };

const records = (database: mongo.Db): mongo.Collection<NotificationDocument> => database.collection(NOTIFICATIONS);
const messages = (database: mongo.Db): mongo.Collection<MessageDocument> => database.collection(MESSAGES);
const chat = { tenant: 't', conversationId: 'c', limit: 20 };
const list = { tenant: 't', workload: 'w', limit: 20 };
const after = { createdAt: 5, id: 'x' };
const desk: DeliveryFilter = { tenant: 't', status: 'dead' };
const ada = { tenant: 't', userId: 'ada' };

const lists: readonly (readonly [Omit<ListQuery, 'tenant' | 'workload' | 'limit'>, string])[] = [
  [{}, 'newest'],
  [{ after }, 'newest'],
  [{ status: 'delivered' }, 'newest'],
  [{ status: 'dead' }, 'undelivered'],
  [{ status: 'queued', after }, 'undelivered'],
  [{ status: 'partial' }, 'undelivered'],
  [{ open: true }, 'undelivered'],
  [{ open: true, after }, 'undelivered'],
  [{ userId: 'ada' }, 'of_user'],
  [{ userId: 'ada', open: true, after }, 'of_user'],
  [{ userId: 'ada', status: 'delivered' }, 'of_user'],
];

const desks: readonly (readonly [Partial<DeliveryFilter>, string])[] = [
  [{}, 'desk_newest'],
  [{ status: 'held', since: 5, until: 9 }, 'desk_newest'],
  [{ fingerprint: 'f', channel: 'email' }, 'desk_of_cause'],
  [{ userId: 'ada' }, 'desk_of_user'],
  [{ code: 'timeout' }, 'desk_of_code'],
];

const others: readonly (readonly [string, Read, string])[] = [
  ['a delivery by its id', (database) => deliveryIn(records(database), 't', 'd'), 'deliveries_by_id'],
  ['the audit', (database) => auditIn(records(database), { tenant: 't', limit: 20 }), 'audit_newest'],
  ['what an operation has done', (database) => doneByIn(records(database), 't', 'o'), 'audit_of_operation'],
  ...HALVES.flatMap(({ match, hint }): (readonly [string, Read, string])[] => [
    [`the open records, ${hint}`, (database) => records(database).aggregate(openIn(match), { hint }), hint],
    [`deliveries of open records, ${hint}`, (database) => records(database).aggregate(statusesOf(match), { hint }), hint],
  ]),
  [
    'deliveries of records on the desk',
    (database) => records(database).aggregate(statusesOf(ON_THE_DESK.match), { hint: ON_THE_DESK.hint }),
    'desk_newest',
  ],
  [
    'deliveries of records at rest',
    (database) => records(database).aggregate(statusesOf(rested({ $gt: 0, $lte: 9 })), { hint: 'rested' }),
    'rested',
  ],
  ['people who changed', (database) => changedIn(database.collection<PersonDocument>('people'), 10), 'people_changed'],
  ['an inbox', (database) => inboxIn(database.collection<ItemDocument>('inbox'), { ...ada, limit: 9, before: 5 }), 'inbox_live'],
  [
    'what is unread in an inbox',
    (database) => inboxIn(database.collection<ItemDocument>('inbox'), { ...ada, limit: 9, unreadOnly: true }),
    'inbox_unread',
  ],
  ['how much is unread', (database) => unreadIn(database.collection<ItemDocument>('inbox'), ada), 'inbox_unread'],
  ['what came after an item', (database) => afterIn(database.collection<ItemDocument>('inbox'), ada, 5, 9), 'inbox_live'],
  ['a conversation', (database) => historyIn(messages(database), { ...chat, newestFirst: false, after: 'x' }), 'messages_of_conversation'],
  ['the newest of it', (database) => historyIn(messages(database), { ...chat, newestFirst: true }), 'messages_of_conversation'],
  ['messages by their ids', (database) => byIdsIn(messages(database), ['a', 'b']), '_id_'],
  ['messages by their keys', (database) => byKeysIn(messages(database), ['a', 'b']), 'messages_once'],
  ['receipts', (database) => receiptsIn(database.collection<ReceiptDocument>(RECEIPTS), 'm'), 'receipts_once'],
  ['the newest item', (database) => newestIn(database.collection<ItemDocument>('inbox'), ada), 'inbox_numbers'],
];

describeWith(await serverOrSkip('mongodb'), 'What is read from MongoDB often', (server) => {
  let harness: MongoHarness;
  beforeAll(async () => {
    harness = await makeMongo(server.uri);
  });
  afterAll(() => harness.dispose());

  async function expectIndex(read: Read, index: string): Promise<void> {
    const explained = (await harness.pool.run((database) => read(database).explain('queryPlanner'))) as { stages?: { $cursor: unknown }[] };
    // MongoDB puts the plan of some aggregations into the first of their stages.
    const plan = planOf(explained.stages?.[0]?.$cursor ?? explained);
    expect(plan).toEqual({ indexes: [index], scansAll: false });
  }

  describe('a list reads one index', () => {
    test.each(lists)('%j: %s', (query, index) => expectIndex((database) => listIn(records(database), { ...list, ...query }), index));
  });

  describe('the desk reads one index', () => {
    test.each(desks)('%j: %s', async (filter, index) => {
      const wanted = { ...desk, ...filter };
      await expectIndex((database) => deliveriesIn(records(database), { ...wanted, limit: 20, after: { settledAt: 5, id: 'd' } }), index);
      await expectIndex((database) => countIn(records(database), wanted), index);
      await expectIndex((database) => groupsIn(records(database), wanted, 20), index);
    });
  });

  test.each(others)('%s is read from one index', (_what, read, index) => expectIndex(read, index));
});
