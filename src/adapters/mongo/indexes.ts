import type { mongo } from 'mongoose';

/** An index, with the collection that it is on. */
export interface Index {
  readonly collection: string;
  readonly name: string;
  readonly key: Readonly<Record<string, 1 | -1>>;
  readonly options?: Pick<mongo.CreateIndexesOptions, 'unique' | 'sparse' | 'partialFilterExpression' | 'expireAfterSeconds'>;
}

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
