export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

export type Day = (typeof DAYS)[number];

/** When a person is not to be disturbed: every day named in `days`, from `start` to `end` on the clocks of `timeZone`. */
export interface QuietHours {
  /** `HH:MM`. */
  readonly start: string;
  /** `HH:MM`; not after `start` means on the next day. Never equal to `start`. */
  readonly end: string;
  /** An IANA name, e.g. `Europe/Lisbon`. */
  readonly timeZone: string;
  /** The local days on which a window *starts*. */
  readonly days: readonly Day[];
}

/** Where a person can be reached; each is left out where it is not known. */
export interface Contacts {
  readonly email?: string;
  /** E.164, e.g. `+351912345678`. */
  readonly phone?: string;
  readonly webhook?: string;
  readonly pushToken?: string;
}

/** What a person has chosen. A channel or category that is not named is switched on. */
export interface Choices {
  readonly contacts: Contacts;
  readonly channels: Readonly<Record<string, boolean>>;
  /** category → channel → wanted. */
  readonly categories: Readonly<Record<string, Readonly<Record<string, boolean>>>>;
  readonly quietHours: QuietHours | null;
}

export interface PersonKey {
  readonly tenant: string;
  readonly userId: string;
}

export interface Person extends PersonKey, Choices {
  /** Rises by one with every change, from 1. */
  readonly version: number;
  /** Milliseconds since the epoch on the store's clock. */
  readonly updatedAt: number;
}

/** A person whose latest change has not been applied to their waiting work yet. */
export interface ChangedPerson extends PersonKey {
  readonly version: number;
}

/**
 * What people have chosen: contacts, preferences, quiet hours.
 *
 * Promises: a change is atomic and durable when `put` resolves, and every read that begins afterwards (in any process) sees it;
 * it stays among the `changed` until `applied` names its version, so that a crash between the two is made good later.
 * Throws `SignalboxError` (`store-unavailable`, `store-full`).
 */
export interface PeopleStore {
  /** Null: this person has never chosen anything. */
  get(key: PersonKey): Promise<Person | null>;
  /** Those who are known, by user id. */
  getMany(tenant: string, userIds: readonly string[]): Promise<ReadonlyMap<string, Person>>;
  /**
   * Replaces everything. `ifVersion`: only if the person is at this version (0: not known yet); null: whatever it is.
   * A lost reply is made good by asking for the version: the same call again may be refused as a conflict.
   */
  put(
    key: PersonKey,
    choices: Choices,
    ifVersion: number | null,
  ): Promise<{ readonly outcome: 'stored' | 'conflict'; readonly person: Person | null }>;
  /** Of all tenants; at most `limit`, the longest waiting first. */
  changed(limit: number): Promise<readonly ChangedPerson[]>;
  /** Takes the person off the changed, if their version is still this one. */
  applied(person: ChangedPerson): Promise<void>;
}
