import type { mongo } from 'mongoose';
import type { AuditEntry, AuditQuery, DeliveryGroup, DeskReader } from '../../ports/desk.js';
import type { DeliveryFilter } from '../../ports/reader.js';
import type { Delivery } from '../../ports/record.js';
import { type Commands, commandsOn } from './collection.js';
import { deskPart, type Stage } from './desk-rows.js';
import { type AuditRow, NOTIFICATIONS, type NotificationDocument, type StoredEvent, toEvent } from './model.js';
import type { DatabaseConnectionPool } from './pool.js';

interface GroupRow {
  readonly fingerprint: string | null;
  readonly workload: string;
  readonly channel: string;
  readonly code: string | null;
  readonly count: number;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly sample: string;
}

interface EntryRow {
  readonly id: string;
  readonly workload: string;
  readonly audit: AuditRow;
  readonly event: StoredEvent;
}

interface Count {
  readonly count: number;
}

/** `DeskReader` on MongoDB: the desk and the audit are rows within their records' documents. */
export class MongoDesk implements DeskReader {
  readonly #run: Commands<NotificationDocument>;

  constructor(pool: DatabaseConnectionPool) {
    this.#run = commandsOn(pool, NOTIFICATIONS);
  }

  async count(filter: DeliveryFilter): Promise<number> {
    const [found] = await this.#run((records) => countIn(records, filter).toArray());
    return found?.count ?? 0;
  }

  async groups(filter: DeliveryFilter, limit: number): Promise<readonly DeliveryGroup[]> {
    const groups = await this.#run((records) => groupsIn(records, filter, limit).toArray());
    const newest = await this.#deliveries(
      filter.tenant,
      groups.map(({ sample }) => sample),
    );
    return groups.map(({ fingerprint, workload, channel, count, firstAt, lastAt, sample }) => {
      const failure = newest.get(sample)?.failure ?? null;
      return { fingerprint, workload, channel, failure, count, firstAt, lastAt, sample };
    });
  }

  async audit(query: AuditQuery): Promise<readonly AuditEntry[]> {
    const rows = await this.#run((records) => auditIn(records, query).toArray());
    return rows.map(({ id, workload, audit, event }) => ({
      id: `${audit.place}.${id}`,
      recordId: id,
      workload,
      event: toEvent(event),
    }));
  }

  async doneBy(tenant: string, operation: string): Promise<number> {
    const [found] = await this.#run((records) => doneByIn(records, tenant, operation).toArray());
    return found?.count ?? 0;
  }

  async #deliveries(tenant: string, ids: readonly string[]): Promise<ReadonlyMap<string, Delivery>> {
    if (ids.length === 0) return new Map();
    const wanted = { tenant, 'deliveries.id': { $in: [...ids] } };
    const documents = await this.#run((records) => records.find(wanted, { projection: { deliveries: 1 } }).toArray());
    return new Map(documents.flatMap(({ deliveries }) => deliveries.map((delivery) => [delivery.id, delivery])));
  }
}

type Records = mongo.Collection<NotificationDocument>;

/** The reads, for the test of their indexes as well. */
export function countIn(records: Records, filter: DeliveryFilter): mongo.AggregationCursor<Count> {
  const { documents, rows, hint } = deskPart(filter);
  return records.aggregate<Count>([{ $match: documents }, { $project: { desk: 1 } }, ...rows, { $count: 'count' }], { hint });
}

/** Largest first. A dead letter's fingerprint says workload, channel and code already. */
export function groupsIn(records: Records, filter: DeliveryFilter, limit: number): mongo.AggregationCursor<GroupRow> {
  const { documents, rows, hint } = deskPart(filter);
  const dead = filter.status === 'dead';
  const stages: Stage[] = [
    { $match: documents },
    { $project: { workload: 1, desk: 1 } },
    ...rows,
    ...(dead ? [{ $match: { 'desk.fingerprint': { $ne: null } } }] : []),
    { $sort: { 'desk.settledAt': -1, 'desk.id': -1 } },
    {
      $group: {
        _id: dead ? '$desk.fingerprint' : { workload: '$workload', channel: '$desk.channel', code: '$desk.code' },
        workload: { $first: '$workload' },
        channel: { $first: '$desk.channel' },
        fingerprint: { $first: dead ? '$desk.fingerprint' : null },
        sample: { $first: '$desk.id' },
        count: { $sum: 1 },
        firstAt: { $min: '$desk.settledAt' },
        lastAt: { $max: '$desk.settledAt' },
      },
    },
    { $sort: { count: -1, lastAt: -1, sample: 1 } },
    { $limit: limit },
  ];
  return records.aggregate<GroupRow>(stages, { hint, allowDiskUse: true });
}

export function auditIn(records: Records, { tenant, action, actor, since, limit, after }: AuditQuery): mongo.AggregationCursor<EntryRow> {
  const at = { $gte: since ?? 0, ...(after === undefined ? {} : { $lte: after.at }) };
  const row = { at, ...(action === undefined ? {} : { action }), ...(actor === undefined ? {} : { actor }) };
  const ofRow = Object.fromEntries(Object.entries(row).map(([name, wanted]) => [`audit.${name}`, wanted]));
  const stages: Stage[] = [
    // The time by itself says that the document is in the index, which holds nothing else.
    { $match: { tenant, 'audit.at': { $gte: since ?? 0 }, audit: { $elemMatch: row } } },
    { $project: { id: 1, workload: 1, audit: 1, events: 1 } },
    { $unwind: '$audit' },
    { $match: ofRow },
    ...(after === undefined ? [] : [{ $match: olderThan(after) }]),
    { $sort: { 'audit.at': -1, id: -1, 'audit.place': -1 } },
    { $limit: limit },
    { $project: { id: 1, workload: 1, audit: 1, event: { $arrayElemAt: ['$events', '$audit.place'] } } },
  ];
  return records.aggregate<EntryRow>(stages, { hint: 'audit_newest' });
}

export function doneByIn(records: Records, tenant: string, operation: string): mongo.AggregationCursor<Count> {
  const stages: Stage[] = [
    { $match: { tenant, 'audit.at': { $gte: 0 }, 'audit.operation': operation } },
    { $project: { audit: 1 } },
    { $unwind: '$audit' },
    { $match: { 'audit.operation': operation } },
    { $count: 'count' },
  ];
  return records.aggregate<Count>(stages, { hint: 'audit_of_operation' });
}

/** An entry's id is its place within its record, a dot, and the record's id. */
function olderThan({ at, id }: NonNullable<AuditQuery['after']>): Stage {
  const dot = id.indexOf('.');
  const record = id.slice(dot + 1);
  const place = Number(id.slice(0, dot));
  return {
    $or: [
      { 'audit.at': { $lt: at } },
      { 'audit.at': at, id: { $lt: record } },
      { 'audit.at': at, id: record, 'audit.place': { $lt: place } },
    ],
  };
}
