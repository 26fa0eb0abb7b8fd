import type { ChangedPerson, Choices, PeopleStore, Person, PersonKey } from '../../src/ports/people.js';
import type { Incarnation } from './incarnation.js';
import type { Referee } from './referee.js';

const DOWN = 'store-unavailable';

/** The store of people in memory: each method is one atomic step. It remembers every version, for the referee. */
export class SimPeople {
  private readonly versions = new Map<string, Person[]>();
  private readonly applieds = new Map<string, number>();

  constructor(private readonly now: () => number) {}

  /** Every version there was, oldest first. */
  historyOf(key: PersonKey): readonly Person[] {
    return this.versions.get(nameOf(key)) ?? [];
  }

  get(key: PersonKey): Person | null {
    return this.historyOf(key).at(-1) ?? null;
  }

  getMany(tenant: string, userIds: readonly string[]): ReadonlyMap<string, Person> {
    const found = userIds.map((userId) => [userId, this.get({ tenant, userId })] as const);
    return new Map(found.filter((entry): entry is readonly [string, Person] => entry[1] !== null));
  }

  put({ tenant, userId }: PersonKey, { contacts, channels, categories, quietHours }: Choices, ifVersion: number | null) {
    const before = this.get({ tenant, userId });
    const present = before?.version ?? 0;
    if (ifVersion !== null && ifVersion !== present) return { outcome: 'conflict', person: before } as const;
    const choices = structuredClone({ contacts, channels, categories, quietHours });
    const person: Person = { tenant, userId, version: present + 1, updatedAt: this.now(), ...choices };
    this.versions.set(nameOf(person), [...this.historyOf(person), person]);
    return { outcome: 'stored', person } as const;
  }

  changed(limit: number): readonly ChangedPerson[] {
    return [...this.versions.values()]
      .flatMap((all) => all.slice(-1))
      .filter((person) => person.version > (this.applieds.get(nameOf(person)) ?? 0))
      .sort((a, b) => a.updatedAt - b.updatedAt)
      .slice(0, limit)
      .map(({ tenant, userId, version }) => ({ tenant, userId, version }));
  }

  appliedVersion(key: PersonKey): number {
    return this.applieds.get(nameOf(key)) ?? 0;
  }

  applied(person: ChangedPerson): void {
    if (this.get(person)?.version === person.version) this.applieds.set(nameOf(person), person.version);
  }
}

/** The store of people as one life of one process sees it. */
export function peopleOf(who: Incarnation, people: SimPeople, referee: Referee): PeopleStore {
  return {
    get: (key) => who.call('people.get', DOWN, () => people.get(key)),
    getMany: (tenant, userIds) => who.call('people.getMany', DOWN, () => people.getMany(tenant, userIds)),
    put: (key, choices, ifVersion) => who.call('people.put', DOWN, () => people.put(key, choices, ifVersion)),
    changed: (limit) => who.call('people.changed', DOWN, () => people.changed(limit)),
    applied: (person) => who.call('people.applied', DOWN, () => referee.applied(who, person, () => people.applied(person))),
  };
}

function nameOf({ tenant, userId }: PersonKey): string {
  return `${tenant}\n${userId}`;
}
