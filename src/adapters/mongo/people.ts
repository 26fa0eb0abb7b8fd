import { randomUUID } from 'node:crypto';
import type { mongo } from 'mongoose';
import type { ChangedPerson, Choices, PeopleStore, Person, PersonKey } from '../../ports/people.js';
import { type Commands, commandsOn } from './collection.js';
import { isDuplicate } from './errors.js';
import { Gather } from './gather.js';
import { NOW } from './now.js';
import type { DatabaseConnectionPool } from './pool.js';

/** Looked up by one command; far below the size that a command may have. */
const AT_A_TIME = 2000;

/** Collection `people`. */
export interface PersonDocument {
  /** {@link idOf} the key. */
  readonly _id: string;
  readonly tenant: string;
  readonly userId: string;
  /** 0: not known yet. The place was made so that the change itself is one comparison and one write. */
  readonly version: number;
  readonly updatedAt: number;
  /** JSON: the names in it are the client's and may hold anything. */
  readonly choices: string;
  /** Of the last change; left out by those of an earlier version. */
  readonly writeId?: string;
  /** Since when a change waits to be applied; left out where none does. */
  readonly changedAt?: number;
}

interface Write {
  readonly writeId: string;
  /** The choices as JSON. */
  readonly text: string;
}

/**
 * `PeopleStore` on MongoDB. Nothing is remembered: any process may have changed anybody a moment ago. Instead, those
 * who are asked for while the answer before is on its way are looked up by one command.
 */
export class MongoPeople implements PeopleStore {
  readonly #run: Commands<PersonDocument>;
  readonly #asked: Gather<string, Person | null>;

  constructor(pool: DatabaseConnectionPool) {
    this.#run = commandsOn(pool, 'people');
    this.#asked = new Gather(AT_A_TIME, async (ids) => {
      const found = await this.#find(ids);
      return ids.map((id) => found.get(id) ?? null);
    });
  }

  get(key: PersonKey): Promise<Person | null> {
    return this.#asked.add(idOf(key));
  }

  async getMany(tenant: string, userIds: readonly string[]): Promise<ReadonlyMap<string, Person>> {
    const found = await this.#find(userIds.map((userId) => idOf({ tenant, userId })));
    return new Map([...found.values()].map((person) => [person.userId, person]));
  }

  async put(
    key: PersonKey,
    choices: Choices,
    ifVersion: number | null,
  ): Promise<{ readonly outcome: 'stored' | 'conflict'; readonly person: Person | null }> {
    const { contacts, channels, categories, quietHours } = choices;
    const write = { writeId: randomUUID(), text: JSON.stringify({ contacts, channels, categories, quietHours }) };
    if (ifVersion === 0) await this.#makePlace(key);
    let stored = await this.#change(key, write, ifVersion);
    if (stored === null && ifVersion === null) {
      await this.#makePlace(key);
      stored = await this.#change(key, write, ifVersion);
    }
    if (stored !== null) return { outcome: 'stored', person: toPerson(stored) };
    const kept = await this.#run((people) => people.findOne({ _id: idOf(key), version: { $gt: 0 } }));
    if (kept === null) return { outcome: 'conflict', person: null };
    // A command is repeated when its connection breaks: then it finds the version after, of its own making.
    return { outcome: kept.writeId === write.writeId ? 'stored' : 'conflict', person: toPerson(kept) };
  }

  async changed(limit: number): Promise<readonly ChangedPerson[]> {
    const people = await this.#run((people) => changedIn(people, limit).toArray());
    return people.map(({ tenant, userId, version }) => ({ tenant, userId, version }));
  }

  async applied(person: ChangedPerson): Promise<void> {
    const { version } = person;
    // A later change is still to be applied.
    await this.#run((people) => people.updateOne({ _id: idOf(person), version }, { $unset: { changedAt: true } }));
  }

  #change(key: PersonKey, { writeId, text }: Write, ifVersion: number | null): Promise<PersonDocument | null> {
    const filter = { _id: idOf(key), ...(ifVersion === null ? {} : { version: ifVersion }) };
    const version = { $add: ['$version', 1] };
    const set = { version, updatedAt: NOW, choices: { $literal: text }, writeId, changedAt: { $ifNull: ['$changedAt', NOW] } };
    return this.#run((people) => people.findOneAndUpdate(filter, [{ $set: set }], { returnDocument: 'after' }));
  }

  /** Made by an insert, for the answer of an upsert is not to be relied upon where several make the same. */
  async #makePlace(key: PersonKey): Promise<void> {
    const { tenant, userId } = key;
    const place = { _id: idOf(key), tenant, userId, version: 0, updatedAt: 0, choices: '{}' };
    await this.#run((people) => people.insertOne(place)).catch((error: unknown) => {
      if (!isDuplicate(error)) throw error;
    });
  }

  async #find(ids: readonly string[]): Promise<ReadonlyMap<string, Person>> {
    const wanted = [...new Set(ids)];
    const found = new Map<string, Person>();
    for (let from = 0; from < wanted.length; from += AT_A_TIME) {
      const some = wanted.slice(from, from + AT_A_TIME);
      const documents = await this.#run((people) => people.find({ _id: { $in: some }, version: { $gt: 0 } }).toArray());
      for (const document of documents) found.set(document._id, toPerson(document));
    }
    return found;
  }
}

/** For the test of its index as well. */
export function changedIn(people: mongo.Collection<PersonDocument>, limit: number): mongo.FindCursor<PersonDocument> {
  return people
    .find({ changedAt: { $gt: 0 } })
    .sort({ changedAt: 1 })
    .limit(limit);
}

function idOf({ tenant, userId }: PersonKey): string {
  return `${tenant}\n${userId}`;
}

function toPerson({ tenant, userId, version, updatedAt, choices }: PersonDocument): Person {
  return { tenant, userId, version, updatedAt, ...(JSON.parse(choices) as Choices) };
}
