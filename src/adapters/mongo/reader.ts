import type { mongo } from 'mongoose';
import type { Clock, Timers } from '../../ports/clock.js';
import type { Backlog, DeliveryCounts, DeliveryQuery, DeliveryRow, History, ListQuery, RecordReader } from '../../ports/reader.js';
import type { RecordKey, WorkRecord } from '../../ports/record.js';
import { MongoBacklog } from './backlog.js';
import { type Commands, commandsOn } from './collection.js';
import { deskPart, type Stage } from './desk-rows.js';
import { OPEN } from './indexes.js';
import { documentId, NOTIFICATIONS, type NotificationDocument, RECORD_FIELDS, type RecordDocument, toEvent, toRecord } from './model.js';
import type { DatabaseConnectionPool } from './pool.js';

type Row = RecordDocument & { readonly desk: { readonly id: string } };

/** `RecordReader` on MongoDB. A record with all that belongs to it is one document, so it is always seen whole. */
export class MongoReader implements RecordReader {
  readonly #run: Commands<NotificationDocument>;
  readonly #backlog: MongoBacklog;

  constructor(pool: DatabaseConnectionPool, clock: Clock, timers: Timers) {
    this.#run = commandsOn(pool, NOTIFICATIONS);
    this.#backlog = new MongoBacklog(pool, clock, timers);
  }

  async get(key: RecordKey): Promise<WorkRecord | null> {
    const document = await this.#run((records) => records.findOne<RecordDocument>({ _id: documentId(key) }, { projection: RECORD_FIELDS }));
    return document === null ? null : toRecord(document);
  }

  async history(key: RecordKey): Promise<History> {
    const projection = { events: 1, ledger: 1 };
    const document = await this.#run((records) => records.findOne({ _id: documentId(key) }, { projection }));
    if (document === null) return { events: [], ledger: [] };
    return { events: document.events.map(toEvent), ledger: document.ledger };
  }

  async list(query: ListQuery): Promise<readonly WorkRecord[]> {
    return (await this.#run((records) => listIn(records, query).toArray())).map(toRecord);
  }

  async listDeliveries(query: DeliveryQuery): Promise<readonly DeliveryRow[]> {
    const rows = await this.#run((records) => deliveriesIn(records, query).toArray());
    return rows.map(({ desk, ...document }) => rowOf(toRecord(document), desk.id));
  }

  async delivery(tenant: string, deliveryId: string): Promise<DeliveryRow | null> {
    const document = await this.#run((records) => deliveryIn(records, tenant, deliveryId).next());
    return document === null ? null : rowOf(toRecord(document), deliveryId);
  }

  backlog(): Promise<Backlog> {
    return this.#backlog.read();
  }

  deliveryCounts(): Promise<DeliveryCounts> {
    return this.#backlog.deliveryCounts();
  }
}

type Records = mongo.Collection<NotificationDocument>;

/** The reads, for the test of their indexes as well. */
export function listIn(records: Records, query: ListQuery): mongo.FindCursor<RecordDocument> {
  const { tenant, workload, userId, status, open, after, limit } = query;
  const states = open === true ? OPEN.filter((one) => status === undefined || one === status) : status === undefined ? [] : [status];
  const filter = {
    tenant,
    workload,
    ...(userId === undefined ? {} : { userId }),
    ...(open === true || status !== undefined ? { status: states.length === 1 ? states[0] : { $in: states } } : {}),
    ...(after === undefined ? {} : olderThan(after)),
  };
  const ofStatus = states.length > 0 && !states.includes('delivered');
  const hint = userId !== undefined ? 'of_user' : ofStatus ? 'undelivered' : 'newest';
  return records.find<RecordDocument>(filter as mongo.Filter<NotificationDocument>, {
    sort: { createdAt: -1, id: -1 },
    limit,
    projection: RECORD_FIELDS,
    hint,
  });
}

export function deliveriesIn(records: Records, query: DeliveryQuery): mongo.AggregationCursor<Row> {
  const { after, limit } = query;
  const { documents, rows, hint } = deskPart(query, after?.settledAt);
  const later =
    after === undefined
      ? []
      : [
          {
            $match: {
              $or: [{ 'desk.settledAt': { $lt: after.settledAt } }, { 'desk.settledAt': after.settledAt, 'desk.id': { $lt: after.id } }],
            },
          },
        ];
  const stages: Stage[] = [
    { $match: documents },
    { $project: { ...RECORD_FIELDS, desk: 1 } },
    ...rows,
    ...later,
    { $sort: { 'desk.settledAt': -1, 'desk.id': -1 } },
    { $limit: limit },
  ];
  return records.aggregate<Row>(stages, { hint });
}

export function deliveryIn(records: Records, tenant: string, deliveryId: string): mongo.FindCursor<RecordDocument> {
  return records.find<RecordDocument>(
    { tenant, 'deliveries.id': deliveryId },
    { projection: RECORD_FIELDS, limit: 1, hint: 'deliveries_by_id' },
  );
}

/** The first condition alone bounds the index. */
function olderThan({ createdAt, id }: { readonly createdAt: number; readonly id: string }) {
  return { createdAt: { $lte: createdAt }, $or: [{ createdAt: { $lt: createdAt } }, { createdAt, id: { $lt: id } }] };
}

function rowOf(record: WorkRecord, deliveryId: string): DeliveryRow {
  const delivery = record.deliveries.find(({ id }) => id === deliveryId);
  if (delivery === undefined) throw new Error('a delivery is not among its record’s');
  return { record, delivery };
}
