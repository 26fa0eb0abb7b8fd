import type { mongo } from 'mongoose';
import type { RecordStatus } from '../../ports/record.js';
import { KEYS, MESSAGES, NOTIFICATIONS, RECEIPTS } from './model.js';

/** An index, with the collection that it is on. */
export interface Index {
  readonly collection: string;
  readonly name: string;
  readonly key: Readonly<Record<string, 1 | -1>>;
  readonly options?: Pick<mongo.CreateIndexesOptions, 'unique' | 'sparse' | 'partialFilterExpression' | 'expireAfterSeconds'>;
}

/** Statuses of records that rest and need nobody; among the `partial` some may have a delivery on the desk. */
export const RESTED = ['delivered', 'skipped', 'expired', 'cancelled', 'partial'] as const satisfies readonly RecordStatus[];

/** Statuses of records that are open. */
export const OPEN = ['queued', 'scheduled', 'deferred', 'processing'] as const satisfies readonly RecordStatus[];

/** All but the one that most records rest in. */
const UNDELIVERED = [...OPEN, ...RESTED.filter((status) => status !== 'delivered'), 'dead', 'held'] as const;

const DAY_S = 24 * 60 * 60;

/** Of people, inboxes and the fleet; `duties` is read by name alone. */
export const SMALL_INDEXES: readonly Index[] = [
  {
    collection: 'people',
    name: 'people_changed',
    key: { changedAt: 1 },
    options: { partialFilterExpression: { changedAt: { $gt: 0 } } },
  },
  { collection: 'inbox', name: 'inbox_numbers', key: { tenant: 1, userId: 1, seq: -1 }, options: { unique: true } },
  {
    collection: 'inbox',
    name: 'inbox_live',
    key: { tenant: 1, userId: 1, live: 1, seq: -1 },
    options: { partialFilterExpression: { live: true } },
  },
  {
    collection: 'inbox',
    name: 'inbox_unread',
    key: { tenant: 1, userId: 1, unread: 1, seq: -1 },
    options: { partialFilterExpression: { unread: true } },
  },
  { collection: 'inbox', name: 'inbox_gone', key: { goneAt: 1 }, options: { expireAfterSeconds: DAY_S } },
  { collection: 'fleet', name: 'fleet_forgotten', key: { forgetAt: 1 }, options: { expireAfterSeconds: 0 } },
];

/** Of API keys: a tenant's, the newest first. One is looked up by its id. */
export const KEY_INDEXES: readonly Index[] = [{ collection: KEYS, name: 'keys_newest', key: { tenant: 1, createdAt: -1, _id: -1 } }];

/** Of messages: one row for each, its place in its conversation, and each receipt once. */
export const MESSAGE_INDEXES: readonly Index[] = [
  { collection: MESSAGES, name: 'messages_once', key: { idempotencyKey: 1 }, options: { unique: true } },
  { collection: MESSAGES, name: 'messages_of_conversation', key: { tenant: 1, conversationId: 1, order: 1 }, options: { unique: true } },
  { collection: RECEIPTS, name: 'receipts_once', key: { messageId: 1, userId: 1, state: 1 }, options: { unique: true } },
];

/** Of a record that has something on the desk, and of no other. */
const ON_THE_DESK = { partialFilterExpression: { 'desk.status': { $exists: true } } } as const;

/** Of lists, of the desk and its audit, and of what has rested long enough. */
export const READ_INDEXES: readonly Index[] = [
  { collection: NOTIFICATIONS, name: 'newest', key: { tenant: 1, workload: 1, createdAt: -1, id: -1 } },
  { collection: NOTIFICATIONS, name: 'of_user', key: { tenant: 1, userId: 1, workload: 1, createdAt: -1, id: -1 } },
  {
    // Lists by status must not read past all that were delivered, which is where most records rest and stay.
    collection: NOTIFICATIONS,
    name: 'undelivered',
    key: { tenant: 1, workload: 1, status: 1, createdAt: -1, id: -1 },
    options: { partialFilterExpression: { status: { $in: UNDELIVERED } } },
  },
  {
    collection: NOTIFICATIONS,
    name: 'rested',
    key: { updatedAt: 1 },
    options: { partialFilterExpression: { status: { $in: RESTED } } },
  },
  { collection: NOTIFICATIONS, name: 'desk_newest', key: { tenant: 1, 'desk.status': 1, 'desk.settledAt': -1 }, options: ON_THE_DESK },
  { collection: NOTIFICATIONS, name: 'desk_of_cause', key: { tenant: 1, 'desk.fingerprint': 1 }, options: ON_THE_DESK },
  { collection: NOTIFICATIONS, name: 'desk_of_code', key: { tenant: 1, 'desk.code': 1 }, options: ON_THE_DESK },
  { collection: NOTIFICATIONS, name: 'desk_of_user', key: { tenant: 1, userId: 1, 'desk.status': 1 }, options: ON_THE_DESK },
  {
    collection: NOTIFICATIONS,
    name: 'audit_newest',
    key: { tenant: 1, 'audit.at': -1 },
    options: { partialFilterExpression: { 'audit.at': { $exists: true } } },
  },
  {
    collection: NOTIFICATIONS,
    name: 'audit_of_operation',
    key: { tenant: 1, 'audit.operation': 1 },
    options: { partialFilterExpression: { 'audit.at': { $exists: true } } },
  },
];
