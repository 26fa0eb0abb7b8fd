import type { mongo } from 'mongoose';
import { type Index, KEY_INDEXES, MESSAGE_INDEXES, READ_INDEXES, SMALL_INDEXES } from './indexes.js';
import { NOTIFICATIONS } from './model.js';

/** One command of a step. It may be run again after a crash, and must then find its work done. */
export interface Action {
  /** For whoever reads a plan. */
  readonly says: string;
  run(database: mongo.Db): Promise<unknown>;
}

/**
 * How the database came to its present shape. A step that was released is never edited: a change is a new step. `down`
 * takes back what `up` did and loses no record: it drops indexes and renames fields back.
 */
export interface Step {
  readonly number: number;
  readonly name: string;
  /** Those that it makes: where one of them is gone again, `up` is done once more. */
  readonly indexes?: readonly Index[];
  readonly up: readonly Action[];
  readonly down: readonly Action[];
}

/** What accepting, claiming and committing rest on. */
const WRITING: readonly Index[] = [
  {
    collection: NOTIFICATIONS,
    name: 'deliveries_by_id',
    key: { tenant: 1, 'deliveries.id': 1 },
    options: { unique: true, partialFilterExpression: { 'deliveries.id': { $exists: true } } },
  },
  {
    collection: NOTIFICATIONS,
    name: 'delivered_once',
    key: { tenant: 1, deliveredOps: 1 },
    options: { unique: true, partialFilterExpression: { deliveredOps: { $exists: true } } },
  },
  // Both halves of what is open: those whose wake-up is to be published, and those whose wake-up is out.
  {
    collection: NOTIFICATIONS,
    name: 'pending',
    key: { priority: -1, dueAt: 1 },
    options: { partialFilterExpression: { publish: 'pending', dueAt: { $gt: 0 } } },
  },
  {
    collection: NOTIFICATIONS,
    name: 'published',
    key: { publishedAt: 1 },
    options: { partialFilterExpression: { publish: 'published', dueAt: { $gt: 0 } } },
  },
];

export const STEPS: readonly Step[] = [
  indexStep(1, 'records: keys, deliveries and the outbox', WRITING),
  indexStep(2, 'people, inboxes and the fleet', SMALL_INDEXES),
  indexStep(3, 'lists, the desk, and what has rested long enough', READ_INDEXES),
  indexStep(4, 'API keys', KEY_INDEXES),
  indexStep(5, 'messages and receipts', MESSAGE_INDEXES),
];

/** Every index that the program needs. */
export const REQUIRED_INDEXES: readonly Index[] = [...WRITING, ...SMALL_INDEXES, ...READ_INDEXES, ...KEY_INDEXES, ...MESSAGE_INDEXES];

/** A step that makes indexes, and drops them on the way down. */
function indexStep(number: number, name: string, indexes: readonly Index[]): Step {
  return { number, name, indexes, up: indexes.map(creation), down: indexes.map(removal).reverse() };
}

function creation({ collection, name, key, options = {} }: Index): Action {
  const { unique, partialFilterExpression: only } = options;
  const kind = unique === true ? 'unique index' : 'index';
  const part = only === undefined ? '' : `, only where ${JSON.stringify(only)}`;
  return {
    says: `create ${kind} ${collection}.${name} ${JSON.stringify(key)}${part}`,
    run: (database) => database.collection(collection).createIndex({ ...key }, { name, ...options }),
  };
}

function removal({ collection, name }: Index): Action {
  return {
    says: `drop index ${collection}.${name}`,
    async run(database) {
      const names = await indexNames(database, collection);
      if (names.has(name)) await database.collection(collection).dropIndex(name);
    },
  };
}

/** Names of the indexes; empty where the collection is not there yet. */
export async function indexNames(database: mongo.Db, collection: string): Promise<ReadonlySet<string>> {
  return new Set((await indexesOf(database, collection)).map((index) => String(index.name)));
}

/** As the server describes them; empty where the collection is not there yet. */
export async function indexesOf(database: mongo.Db, collection: string): Promise<readonly mongo.IndexDescriptionInfo[]> {
  const there = await database.listCollections({ name: collection }, { nameOnly: true }).toArray();
  return there.length === 0 ? [] : database.collection(collection).listIndexes().toArray();
}
