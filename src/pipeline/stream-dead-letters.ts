import { SignalboxError } from '../errors.js';
import type { Clock } from '../ports/clock.js';
import type { DeliveryGroup, DeskReader } from '../ports/desk.js';
import type { DeliveryFilter, DeliveryQuery, DeliveryRow, RecordReader } from '../ports/reader.js';
import type { Delivery, RecordEvent, RecordKey, WorkRecord } from '../ports/record.js';
import type { Draft, RecordStore } from '../ports/store.js';
import type { DeadEntry, StreamDesk } from '../ports/stream.js';
import type { Amended, DeskActions } from './amend.js';
import { failureFingerprint } from './dead-letter.js';
import { hashOf, uuidOf } from './envelope.js';
import type { DiscardRequest, RedriveRequest } from './redrive.js';

/** The desk as its routes and its operations on many see it. */
export interface WholeDesk {
  readonly reader: RecordReader;
  readonly desk: DeskReader;
  readonly actions: DeskActions;
}

/** The channel that a dead letter of a stream is shown with. */
const CHANNEL = 'stream';
/** Dead letters read at a time. */
const PAGE = 200;

/** What of a stream's desk is needed for that. */
type DeadLetters = Pick<StreamDesk, 'dead' | 'get' | 'redrive' | 'discard'>;

/** Where it is written down what people do: an entry of a stream has no record that would carry it. */
interface Book {
  readonly store: Pick<RecordStore, 'accept'>;
  readonly clock: Clock;
}

/**
 * The dead letters of a stream among those of records: the same lists, groups and counts, the same redrive and discard. A dead entry
 * is shown as a record with one delivery, whose id is the entry's; there is no history of it. What people do to it is a record of its
 * own, at rest from the beginning, with one audited event: so the audit has it, and an operation on many can count it.
 */
export function withStreamDeadLetters(desk: WholeDesk, workload: string, stream: DeadLetters, book: Book): WholeDesk {
  const dead = new DeadEntries(workload, stream, book);
  return { reader: readerOf(desk.reader, dead), desk: deskOf(desk.desk, dead), actions: actionsOf(desk.actions, dead) };
}

/** What is dead in one stream, as the desk would have it. */
class DeadEntries {
  readonly workload: string;
  readonly #stream: DeadLetters;
  readonly #book: Book;

  constructor(workload: string, stream: DeadLetters, book: Book) {
    this.workload = workload;
    this.#stream = stream;
    this.#book = book;
  }

  async find(tenant: string, id: string): Promise<DeliveryRow | null> {
    const entry = await this.#stream.get(tenant, id);
    return entry === null ? null : rowOf(this.workload, entry);
  }

  /**
   * Written down first, then done: nothing is done that nobody has written down, and whoever did not hear the answer repeats both. Of
   * two who are at it at once both are written down, and one has done it. Null: it is not there.
   */
  async end(tenant: string, how: 'redrive' | 'discard', request: RedriveRequest | DiscardRequest): Promise<Amended | null> {
    const { deliveryId: id } = request;
    const entry = await this.#stream.get(tenant, id);
    if (entry === null) return null;
    await this.#book.store.accept([noteOf(this.workload, entry, how, request, this.#book.clock.now())]);
    const changed = await this.#stream[how](tenant, id);
    const { record, delivery } = rowOf(this.workload, entry);
    const status = how === 'redrive' ? 'queued' : 'cancelled';
    const ended: Delivery = { ...delivery, status, settledAt: how === 'redrive' ? null : delivery.settledAt };
    return { record: { ...record, status, deliveries: [ended] }, changed };
  }

  /** Newest first, all that match. There are few: each is a message that somebody misses. */
  async *matching(filter: DeliveryFilter): AsyncGenerator<DeliveryRow> {
    if (!this.#concerns(filter)) return;
    let before: string | undefined;
    for (;;) {
      const page = await this.#stream.dead({ tenant: filter.tenant, limit: PAGE, ...(before === undefined ? {} : { before }) });
      for (const entry of page) {
        const row = rowOf(this.workload, entry);
        if (matches(row.delivery, filter)) yield row;
      }
      before = page.at(-1)?.place;
      if (page.length < PAGE) return;
    }
  }

  #concerns({ status, workload, exceptWorkload, userId }: DeliveryFilter): boolean {
    if (status !== 'dead' || userId !== undefined || exceptWorkload === this.workload) return false;
    return workload === undefined || workload === this.workload;
  }
}

function readerOf(reader: RecordReader, dead: DeadEntries): RecordReader {
  return {
    get: (key) => reader.get(key),
    history: async (key) => (isOurs(key, dead) ? { events: [], ledger: [] } : reader.history(key)),
    list: (query) => reader.list(query),
    async listDeliveries(query) {
      const [records, entries] = await Promise.all([reader.listDeliveries(query), firstOf(dead, query)]);
      return [...records, ...entries].sort(newestFirst).slice(0, query.limit);
    },
    delivery: async (tenant, id) => (await reader.delivery(tenant, id)) ?? dead.find(tenant, id),
    backlog: () => reader.backlog(),
    deliveryCounts: () => reader.deliveryCounts(),
  };
}

function deskOf(desk: DeskReader, dead: DeadEntries): DeskReader {
  return {
    async count(filter) {
      let count = await desk.count(filter);
      for await (const _row of dead.matching(filter)) count += 1;
      return count;
    },
    async groups(filter, limit) {
      const [records, entries] = await Promise.all([desk.groups(filter, limit), groupsOf(dead, filter)]);
      return [...records, ...entries].sort((a, b) => b.count - a.count || b.lastAt - a.lastAt).slice(0, limit);
    },
    audit: (query) => desk.audit(query),
    doneBy: (tenant, operation) => desk.doneBy(tenant, operation),
  };
}

function actionsOf(actions: DeskActions, dead: DeadEntries): DeskActions {
  return {
    async redrive(key, request) {
      return (await dead.end(key.tenant, 'redrive', request)) ?? present(key, dead, () => actions.redrive(key, request));
    },
    async discard(key, request) {
      return (await dead.end(key.tenant, 'discard', request)) ?? present(key, dead, () => actions.discard(key, request));
    },
    resolveHeld: (key, request) => actions.resolveHeld(key, request),
  };
}

/** One that was there when it was looked up, and that somebody else has redriven or discarded since, is no record's. */
function present(key: RecordKey, dead: DeadEntries, act: () => Promise<Amended>): Promise<Amended> {
  if (isOurs(key, dead)) return Promise.reject(new SignalboxError('not-found', 'There is no delivery with this id'));
  return act();
}

/** Only what came from here says whose it is. */
function isOurs(key: RecordKey, dead: DeadEntries): boolean {
  return (key as Partial<WorkRecord>).workload === dead.workload;
}

async function firstOf(dead: DeadEntries, query: DeliveryQuery): Promise<readonly DeliveryRow[]> {
  const { after, limit } = query;
  const found: DeliveryRow[] = [];
  for await (const row of dead.matching(query)) {
    if (after !== undefined && !isBehind(row.delivery, after)) continue;
    found.push(row);
    // In one millisecond they may lie in another order by id: one more of it does not hurt, one less would.
    if (found.length > limit && row.delivery.settledAt !== found[limit - 1]?.delivery.settledAt) break;
  }
  return found;
}

async function groupsOf(dead: DeadEntries, filter: DeliveryFilter): Promise<readonly DeliveryGroup[]> {
  const groups = new Map<string, DeliveryGroup>();
  for await (const { delivery } of dead.matching(filter)) {
    const { fingerprint, channel, failure, settledAt, id } = delivery;
    const at = settledAt ?? 0;
    const group = groups.get(fingerprint ?? '');
    if (group === undefined) {
      groups.set(fingerprint ?? '', {
        fingerprint,
        workload: dead.workload,
        channel,
        failure,
        count: 1,
        firstAt: at,
        lastAt: at,
        sample: id,
      });
    } else groups.set(fingerprint ?? '', { ...group, count: group.count + 1, firstAt: at });
  }
  return [...groups.values()];
}

function matches({ channel, fingerprint, failure, settledAt }: Delivery, filter: DeliveryFilter): boolean {
  const at = settledAt ?? 0;
  return (
    (filter.channel ?? channel) === channel &&
    (filter.fingerprint ?? fingerprint) === fingerprint &&
    (filter.code ?? failure?.code) === failure?.code &&
    at >= (filter.since ?? 0) &&
    at < (filter.until ?? Number.POSITIVE_INFINITY)
  );
}

/** By (settledAt, id), descending. */
function newestFirst(a: DeliveryRow, b: DeliveryRow): number {
  const later = (b.delivery.settledAt ?? 0) - (a.delivery.settledAt ?? 0);
  return later !== 0 ? later : a.delivery.id < b.delivery.id ? 1 : -1;
}

function isBehind({ settledAt, id }: Delivery, after: { readonly settledAt: number; readonly id: string }): boolean {
  const at = settledAt ?? 0;
  return at < after.settledAt || (at === after.settledAt && id < after.id);
}

/** One for each dead letter (it has a new place each time that it dies), action, and operation or person. */
function noteOf(
  workload: string,
  { tenant, id, place, failure }: DeadEntry,
  how: 'redrive' | 'discard',
  request: RedriveRequest | DiscardRequest,
  now: number,
): Draft {
  const { actor, operation = null } = request;
  const said = 'reason' in request ? { reason: request.reason } : { note: request.note ?? null };
  const event: RecordEvent = {
    at: now,
    name: how === 'redrive' ? 'redriven' : 'discarded',
    rule: `desk.${how}`,
    actor,
    clock: 'worker',
    deliveryId: id,
    audit: true,
    detail: { ...said, code: failure.code, operation },
  };
  return {
    tenant,
    id: uuidOf(hashOf('stream-desk', tenant, workload, place, id, how, operation ?? actor)),
    workload,
    principal: actor,
    userId: null,
    status: 'delivered',
    priority: 'normal',
    payload: null,
    correlation: { requestId: '' },
    fingerprint: hashOf(how),
    createdAt: now,
    dueAt: null,
    deliveries: [],
    events: [event],
  };
}

function rowOf(workload: string, entry: DeadEntry): DeliveryRow {
  const { tenant, id, key, fingerprint, appendedAt, deadAt, failure, attempts, deliveries } = entry;
  const blank = { generation: 1, throttles: 0, dueAt: null, intentAt: null };
  const delivery: Delivery = {
    ...blank,
    id,
    channel: CHANNEL,
    recipient: key,
    status: 'dead',
    operationId: id,
    attempts,
    reason: 'stream.dead',
    failure,
    fingerprint: failureFingerprint(workload, CHANNEL, failure),
    settledAt: deadAt,
  };
  const lock = { lockedBy: null, lockToken: 0, lockedAt: null, lockedUntil: null, claims: deliveries, barrenClaims: 0 };
  const times = { createdAt: appendedAt, updatedAt: deadAt, dueAt: null, publish: 'published', publishedAt: null } as const;
  const whose = { principal: '', userId: null, correlation: { requestId: '' } };
  const rest = { status: 'dead', priority: 'normal', payload: null, cancelRequestedAt: null, version: 1 } as const;
  return { record: { ...lock, ...times, ...whose, ...rest, tenant, id, workload, fingerprint, deliveries: [delivery] }, delivery };
}
