import type { ChangedPerson, Person } from '../../src/ports/people.js';
import type { Delivery, RecordEvent, WorkRecord } from '../../src/ports/record.js';
import type { Finding } from './finding.js';
import { spanOfPerson } from './quiet.js';
import type { SimPeople } from './sim-people.js';
import type { SimStore } from './sim-store.js';
import { CRITICAL, type SimPayload } from './sim-workload.js';
import type { World } from './world.js';

/** Something is done for a person at a moment, by someone who looked at their choices not before another. */
export interface ChoiceCase {
  readonly people: SimPeople;
  readonly record: WorkRecord;
  readonly channel: string;
  /** The store's clock when the record was claimed: what was chosen before must be known to the holder. */
  readonly claimedAt: number;
  /** The store's clock: nothing that was chosen later can have been read. */
  readonly now: number;
  /** The moment that is judged, as the holder knows it: its clock may be behind, by as long as the claim's answer took. */
  readonly at: number;
  /** So long before quiet hours nothing may be begun any more; negative where so much is forgiven after their start. */
  readonly marginMs: number;
}

/** Every version of the person that the holder may have read; null stands for a time before the first. */
function readable({ people, record, claimedAt, now }: ChoiceCase): readonly (Person | null)[] {
  if (record.userId === null) return [null];
  const history = people.historyOf({ tenant: record.tenant, userId: record.userId });
  const current = history.filter((person, place) => {
    const replacedAt = history[place + 1]?.updatedAt ?? Number.POSITIVE_INFINITY;
    return person.updatedAt <= now && replacedAt >= claimedAt;
  });
  const first = history[0]?.updatedAt ?? Number.POSITIVE_INFINITY;
  return first >= claimedAt ? [null, ...current] : current;
}

/** A rule of a person that is broken whichever of their choices the holder read. */
export function judgeChoices(on: ChoiceCase): readonly Finding[] {
  const broken = readable(on).map((person) => (person === null ? null : brokenBy(on, person)));
  const last = broken.at(-1);
  return last === undefined || last === null || broken.includes(null) ? [] : [last];
}

function brokenBy({ record, channel, at, marginMs }: ChoiceCase, person: Person): Finding | null {
  const { category } = record.payload as SimPayload;
  const off = person.channels[channel] === false || person.categories[category]?.[channel] === false;
  if (off && category !== CRITICAL) return ['OPT_OUT_IGNORED', `version ${person.version} wants no ${category} by ${channel}`];
  const span = spanOfPerson(person);
  if (span === null || record.priority === 'urgent' || at < span.from - marginMs || at >= span.until) return null;
  return ['QUIET_IGNORED', `${at - span.from} ms after the start of quiet hours, ${span.until - at} ms before their end`];
}

/** What waits by choices that the person has replaced, although the change is said to be applied. */
export function overlookedBy(store: SimStore, { tenant, userId, version }: ChangedPerson): readonly string[] {
  const found: string[] = [];
  for (const { record, events } of store.rows.values()) {
    if (record.tenant !== tenant || record.userId !== userId) continue;
    for (const delivery of record.deliveries) {
      const looked = isPutOff(delivery) ? lookedAt(delivery, events) : version;
      if (looked < version) found.push(`${record.id} waits by version ${looked} of ${version}`);
    }
  }
  return found;
}

/** Work is put off by choices that were replaced, and the change was applied before: nobody will look at it again. */
export function judgePutOff(people: SimPeople, record: WorkRecord, is: Delivery, events: readonly RecordEvent[]): readonly Finding[] {
  if (!isPutOff(is) || record.userId === null) return [];
  const applied = people.appliedVersion({ tenant: record.tenant, userId: record.userId });
  const looked = lookedAt(is, events);
  return looked < applied ? [['CHANGE_FORGOTTEN', `put off by version ${looked}, when ${applied} was applied`]] : [];
}

/** Long after the last change and the last fault, whatever quiet hours put off was put off by the choices of today. */
export function judgeChanges(world: World, store: SimStore, people: SimPeople): void {
  for (const { record, events } of store.rows.values()) {
    if (record.userId === null) continue;
    const version = people.get({ tenant: record.tenant, userId: record.userId })?.version ?? 0;
    for (const delivery of record.deliveries) {
      const looked = isPutOff(delivery) ? lookedAt(delivery, events) : version;
      if (looked < version) world.violate('CHANGE_NOT_APPLIED', `${record.id} waits by version ${looked} of ${version}`);
    }
  }
}

function isPutOff({ status, reason }: Delivery): boolean {
  return status === 'deferred' && reason === 'quiet-hours';
}

/** By which version of the person it was put off. */
function lookedAt({ id }: Delivery, events: readonly RecordEvent[]): number {
  const judged = events.filter((event) => event.deliveryId === id && event.name === 'deferred' && event.rule === 'quiet-hours').at(-1);
  return Number(judged?.detail?.personVersion ?? 0);
}
