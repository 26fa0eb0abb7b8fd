import type { Clock } from '../../ports/clock.js';
import type { ChangedPerson, Choices, PeopleStore, Person, PersonKey } from '../../ports/people.js';
import type { GroupCommit } from './group-commit.js';
import type { Database } from './sqlite.js';

/** People looked up lately, twice; most have never chosen anything, and it is that which is remembered of them. */
const GENERATION = 8192;
/** Characters of JSON; what is larger is read each time, so that memory stays bounded. */
const LARGEST = 4096;

interface PersonRow {
  readonly tenant: string;
  readonly user_id: string;
  readonly version: number;
  readonly updated_at: number;
  readonly choices: string;
}

/**
 * `PeopleStore` on the data file. This process alone writes the file, so what was read or written last is what is there:
 * a person who is notified often is read once. When anything is rolled back, all that is remembered is dropped.
 */
export class EmbeddedPeople implements PeopleStore {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #sql: ReturnType<typeof prepare>;
  /** Null: known to be unknown. Two generations: dropping a whole one is cheaper than finding the oldest of one map. */
  #young = new Map<string, Person | null>();
  #old = new Map<string, Person | null>();

  constructor(database: Database, group: GroupCommit, clock: Clock) {
    this.#group = group;
    this.#clock = clock;
    this.#sql = prepare(database);
  }

  get(key: PersonKey): Promise<Person | null> {
    return this.#group.read(() => this.#find(key));
  }

  getMany(tenant: string, userIds: readonly string[]): Promise<ReadonlyMap<string, Person>> {
    return this.#group.read(() => {
      const found = new Map<string, Person>();
      for (const userId of userIds) {
        const person = this.#find({ tenant, userId });
        if (person !== null) found.set(userId, person);
      }
      return found;
    });
  }

  put(
    { tenant, userId }: PersonKey,
    choices: Choices,
    ifVersion: number | null,
  ): Promise<{ readonly outcome: 'stored' | 'conflict'; readonly person: Person | null }> {
    const { contacts, channels, categories, quietHours } = choices;
    return this.#group.write(() => {
      const before = this.#find({ tenant, userId });
      const present = before?.version ?? 0;
      if (ifVersion !== null && ifVersion !== present) return { outcome: 'conflict', person: before };
      const version = present + 1;
      const updatedAt = this.#clock.now();
      const text = JSON.stringify({ contacts, channels, categories, quietHours });
      this.#sql.put.run(tenant, userId, version, updatedAt, text);
      // Read back from the text, so that nobody can change what is remembered.
      const person = { tenant, userId, version, updatedAt, ...(JSON.parse(text) as Choices) };
      this.#remember(person, person, text.length);
      return { outcome: 'stored', person };
    });
  }

  changed(limit: number): Promise<readonly ChangedPerson[]> {
    return this.#group.read(() => {
      const rows = this.#sql.changed.all(limit) as Pick<PersonRow, 'tenant' | 'user_id' | 'version'>[];
      return rows.map(({ tenant, user_id: userId, version }) => ({ tenant, userId, version }));
    });
  }

  applied({ tenant, userId, version }: ChangedPerson): Promise<void> {
    return this.#group.write(() => {
      this.#sql.applied.run(version, tenant, userId, version);
    });
  }

  /** Drops what is remembered. */
  forget(): void {
    this.#young.clear();
    this.#old.clear();
  }

  #find(key: PersonKey): Person | null {
    const name = nameOf(key);
    const remembered = this.#young.get(name) ?? this.#old.get(name);
    if (remembered !== undefined && remembered !== null) return remembered;
    if (this.#young.has(name) || this.#old.has(name)) return null;
    const row = this.#sql.get.get(key.tenant, key.userId) as PersonRow | undefined;
    if (row === undefined) {
      this.#remember(key, null, 0);
      return null;
    }
    const { version, updated_at: updatedAt, choices } = row;
    const person = { ...(JSON.parse(choices) as Choices), tenant: row.tenant, userId: row.user_id, version, updatedAt };
    this.#remember(key, person, choices.length);
    return person;
  }

  #remember(key: PersonKey, person: Person | null, size: number): void {
    const name = nameOf(key);
    this.#old.delete(name);
    if (size > LARGEST) {
      this.#young.delete(name);
      return;
    }
    if (this.#young.size >= GENERATION && !this.#young.has(name)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, person);
  }
}

function nameOf({ tenant, userId }: PersonKey): string {
  return `${tenant}\n${userId}`;
}

function prepare(database: Database) {
  return {
    get: database.prepare('SELECT tenant, user_id, version, updated_at, choices FROM people WHERE tenant = ? AND user_id = ?'),
    put: database.prepare(`INSERT INTO people (tenant, user_id, version, updated_at, choices) VALUES (?,?,?,?,?)
      ON CONFLICT DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at, choices = excluded.choices`),
    changed: database.prepare(PEOPLE_SQL.changed),
    // A later change is still to be applied.
    applied: database.prepare('UPDATE people SET applied = ? WHERE tenant = ? AND user_id = ? AND version = ?'),
  };
}

/** Reads the partial index of those who are still to be done, and nothing else. */
export const PEOPLE_SQL = {
  changed: 'SELECT tenant, user_id, version FROM people WHERE applied < version ORDER BY updated_at LIMIT ?',
} as const;
