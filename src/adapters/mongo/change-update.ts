import type { Delivery, RecordEvent } from '../../ports/record.js';
import type { Change } from '../../ports/store.js';
import { auditRows, deskRows, toStoredEvent } from './model.js';
import { NOW } from './now.js';

/** An expression of an aggregation pipeline, or fields with one each. */
export type Expression = unknown;
export type Fields = Readonly<Record<string, Expression>>;

export const NEXT_VERSION: Expression = { $add: ['$version', 1] };

/** A lease is live by the server's clock. */
export const IS_LEASED: Expression = { $gt: ['$lockedUntil', NOW] };

/** The fields of a record whose lease was given back: an open one's wake-up becomes pending again. */
export const FREE: Fields = { lockedBy: null, lockedAt: null, lockedUntil: null, publish: 'pending', publishedAt: null };

/** A claim or an amendment ends a token: what was committed under it is kept for those who still wait for the answer. */
export const COMMITS_OF_TOKEN: Expression = {
  $filter: { input: '$commits', as: 'commit', cond: { $eq: ['$$commit.token', '$lockToken'] } },
};

/** Whatever comes from outside is said to be itself: a recipient such as "$payload" would be read as a field. */
export function literal(value: unknown): Expression {
  return { $literal: value };
}

/** The operations that a change says are delivered. */
export function deliveredBy({ ledger }: Pick<Change, 'ledger'>): readonly string[] {
  return ledger.filter((entry) => entry.result === 'delivered').map((entry) => entry.operationId);
}

/** What a commit and an amendment have in common: new values of what changed, and what is appended. */
export function changeFields(change: Pick<Change, 'status' | 'dueAt' | 'deliveries' | 'ledger' | 'events'>): Fields {
  const { status, dueAt, deliveries, ledger } = change;
  const delivered = deliveredBy(change);
  return {
    status: literal(status),
    dueAt: dueAt === null ? null : Math.max(1, dueAt),
    updatedAt: NOW,
    version: NEXT_VERSION,
    ...(deliveries.length === 0 ? {} : deliveryFields(deliveries)),
    ...(ledger.length === 0 ? {} : { ledger: appended('$ledger', ledger) }),
    ...(delivered.length === 0 ? {} : { deliveredOps: appended('$deliveredOps', delivered) }),
    ...eventFields(change.events),
  };
}

export function eventFields(events: readonly RecordEvent[]): Fields {
  if (events.length === 0) return {};
  // Places are counted from the end that the events have before this write.
  const audit = auditRows(events, 0).map(({ place, ...row }) => ({
    ...Object.fromEntries(Object.entries(row).map(([name, value]) => [name, literal(value)])),
    place: { $add: [{ $size: '$events' }, place] },
  }));
  return {
    events: appended('$events', events.map(toStoredEvent)),
    ...(audit.length === 0 ? {} : { audit: { $concatArrays: [orEmpty('$audit'), audit] } }),
  };
}

function deliveryFields(changed: readonly Delivery[]): Fields {
  const branches = changed.map((delivery) => ({
    case: { $eq: ['$$delivery.id', literal(delivery.id)] },
    then: literal(delivery),
  }));
  const ids = literal(changed.map((delivery) => delivery.id));
  const kept = { $filter: { input: orEmpty('$desk'), as: 'row', cond: { $not: [{ $in: ['$$row.id', ids] }] } } };
  const rows = deskRows(changed);
  return {
    deliveries: { $map: { input: '$deliveries', as: 'delivery', in: { $switch: { branches, default: '$$delivery' } } } },
    desk: rows.length > 0 ? { $concatArrays: [kept, literal(rows)] } : { $cond: [{ $eq: [kept, []] }, '$$REMOVE', kept] },
  };
}

function appended(field: string, values: readonly unknown[]): Expression {
  return { $concatArrays: [orEmpty(field), literal(values)] };
}

function orEmpty(field: string): Expression {
  return { $ifNull: [field, []] };
}
