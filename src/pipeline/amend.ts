import { SignalboxError } from '../errors.js';
import type { Clock } from '../ports/clock.js';
import type { RecordReader } from '../ports/reader.js';
import type { Delivery, LedgerEntry, RecordEvent, RecordKey, WorkRecord } from '../ports/record.js';
import type { RecordStore } from '../ports/store.js';
import { asDead } from './dead-letter.js';
import { dueOf, isOpen, statusOf } from './envelope.js';
import { type DiscardRequest, discardEdit, type Edit, type RedriveRequest, redriveEdit, wasDone } from './redrive.js';
import type { Relay } from './relay.js';

/** Someone else changed the record between our read and our write: read again, this often. */
const TRIES = 5;

/** What a person says became of a held delivery. `resend` goes out under the same operation id. */
export type Resolution = 'delivered' | 'resend' | 'dead';

export interface ResolveRequest {
  readonly resolution: Resolution;
  /** Which held delivery; may be left out when just one is held. */
  readonly deliveryId?: string;
  readonly actor: string;
  readonly note?: string;
  /** The operation on many that this is part of; it resolves one delivery at most once. */
  readonly operation?: string;
}

/** The record as it now is. `changed` is false where it was so already, by the same wish. */
export interface Amended {
  readonly record: WorkRecord;
  readonly changed: boolean;
}

/**
 * What people do at the desk. All throw `not-found`; `conflict` when the delivery is in another state than the one that is
 * meant; `record-busy` while a worker has the record. Each leaves an audited event.
 */
export interface DeskActions {
  /** A dead letter goes out again under its own identity; see {@link redriveEdit}. */
  redrive(key: RecordKey, request: RedriveRequest): Promise<Amended>;
  /** A dead letter ends as `cancelled`. */
  discard(key: RecordKey, request: DiscardRequest): Promise<Amended>;
  /** What {@link Amend.resolve} does, said whether it changed anything. */
  resolveHeld(key: RecordKey, request: ResolveRequest): Promise<Amended>;
}

/** Changes by people: they hold no lease, so each is a compare-and-set on the version that was read. */
export interface Amend extends DeskActions {
  /**
   * Open deliveries end as `cancelled`; what a worker holds just now is cancelled by it before its next intent.
   * A second call changes nothing. Throws `not-found`; `conflict` when the record came to rest otherwise.
   */
  cancel(key: RecordKey, actor: string): Promise<WorkRecord>;
  /** Throws `not-found`; `conflict` when nothing (or more than one, unnamed) is held; `record-busy` while a worker has it. */
  resolve(key: RecordKey, request: ResolveRequest): Promise<WorkRecord>;
}

interface Deps {
  readonly store: RecordStore;
  readonly reader: RecordReader;
  readonly clock: Clock;
  readonly relay: Relay;
}

/** Reads, and writes where nobody was faster. */
function createEditor({ store, reader, relay }: Deps) {
  const write = async (record: WorkRecord, edit: Edit): Promise<WorkRecord | 'conflict' | 'leased' | 'missing'> => {
    const changed = new Map(edit.deliveries.map((delivery) => [delivery.id, delivery]));
    const deliveries = record.deliveries.map((delivery) => changed.get(delivery.id) ?? delivery);
    const amendment = { ...edit, version: record.version, status: statusOf(deliveries), dueAt: dueOf(deliveries) };
    const result = await store.amend(record, amendment);
    if (result.outcome !== 'applied') return result.outcome;
    if (result.record.dueAt !== null && result.record.dueAt <= result.record.updatedAt) relay.offer(result.record);
    return result.record;
  };

  const read = async (key: RecordKey): Promise<WorkRecord> => {
    const record = await reader.get(key);
    if (record === null) throw new SignalboxError('not-found', 'There is no record with this id');
    return record;
  };

  /** Reads and writes until nobody was faster. `edit` gives null where nothing is left to do. */
  const change = async (key: RecordKey, edit: (record: WorkRecord) => Promise<Edit | null>): Promise<Amended> => {
    for (let tries = 1; tries <= TRIES; tries += 1) {
      const record = await read(key);
      const wanted = await edit(record);
      if (wanted === null) return { record, changed: false };
      const result = await write(record, wanted);
      if (typeof result === 'object') return { record: result, changed: true };
      if (result === 'leased') break;
    }
    throw new SignalboxError('record-busy', 'A worker holds the record just now; try again', { retryAfterS: 1 });
  };

  return { read, write, change };
}

export function createAmend(deps: Deps): Amend {
  const { store, reader, clock } = deps;
  const { read, write, change } = createEditor(deps);

  const resolveHeld = (key: RecordKey, request: ResolveRequest): Promise<Amended> =>
    change(key, async (record) => {
      if (isResolvedSo(record, request)) return null;
      if (request.operation !== undefined && wasDone((await reader.history(key)).events, 'resolved', request)) return null;
      return resolveEdit(record, heldDelivery(record, request.deliveryId), request, clock.now());
    });

  return {
    async cancel(key, actor) {
      for (let tries = 1; tries <= TRIES; tries += 1) {
        const record = await read(key);
        // Asked again by someone who did not hear the answer: it is as they wished.
        if (record.dueAt === null && record.cancelRequestedAt !== null) return record;
        if (record.dueAt === null) throw new SignalboxError('conflict', `The record is at rest already: ${record.status}`);
        const now = clock.now();
        const request = cancelRequest(record, actor, now);
        const result = await write(record, cancelEdit(record, request, now));
        if (typeof result === 'object') return result;
        if (result === 'leased') {
          const flagged = await store.requestCancel(key, request);
          if (flagged !== null) return flagged;
        }
      }
      throw new SignalboxError('record-busy', 'The record changes too quickly just now; try again', { retryAfterS: 1 });
    },

    resolve: async (key, request) => (await resolveHeld(key, request)).record,

    resolveHeld,

    // The history is read after the record: had anyone been faster in between, the write is refused.
    redrive: (key, request) => change(key, async (record) => redriveEdit(record, await reader.history(key), request, clock.now())),

    discard: (key, request) => change(key, async (record) => discardEdit(record, request, clock.now())),
  };
}

/** Audited once, when it is asked: a worker that finds it undone only does as it was told. */
function cancelRequest({ cancelRequestedAt }: WorkRecord, actor: string, now: number): RecordEvent {
  const request: RecordEvent = { at: now, name: 'cancel-requested', rule: 'cancel.requested', actor, clock: 'worker' };
  return cancelRequestedAt === null ? { ...request, audit: true } : request;
}

function cancelEdit(record: WorkRecord, request: RecordEvent, now: number): Edit {
  // A delivery with an open intent is left to the next holder, which finds out (or holds) what became of it.
  const cancelled = record.deliveries
    .filter((delivery) => isOpen(delivery) && delivery.intentAt === null)
    .map((delivery): Delivery => ({ ...delivery, status: 'cancelled', reason: 'cancel.requested', dueAt: null, settledAt: now }));
  const { audit: _asked, ...told } = request;
  const events = cancelled.map((delivery): RecordEvent => ({ ...told, name: 'cancelled', deliveryId: delivery.id }));
  return { deliveries: cancelled, ledger: [], events: [request, ...events], cancelRequestedAt: record.cancelRequestedAt ?? now };
}

/** The same answer given again to the same named delivery: whoever did not hear ours asks twice. */
function isResolvedSo(record: WorkRecord, { deliveryId, resolution }: ResolveRequest): boolean {
  const delivery = record.deliveries.find((each) => each.id === deliveryId);
  return delivery !== undefined && delivery.status !== 'held' && delivery.reason === ruleOf(resolution);
}

const ruleOf = (resolution: Resolution): string => `resolve.${resolution}`;

function heldDelivery(record: WorkRecord, deliveryId: string | undefined): Delivery {
  const held = record.deliveries.filter(
    (delivery) => delivery.status === 'held' && (deliveryId === undefined || delivery.id === deliveryId),
  );
  const [only, ...others] = held;
  if (only === undefined) throw new SignalboxError('conflict', 'No such delivery of the record is held');
  if (others.length > 0) {
    throw new SignalboxError('conflict', 'Several deliveries are held: name one', {
      fields: [{ pointer: '/deliveryId', detail: `one of ${held.map((delivery) => delivery.id).join(', ')}` }],
    });
  }
  return only;
}

function resolveEdit(record: WorkRecord, held: Delivery, request: ResolveRequest, now: number): Edit {
  const rule = ruleOf(request.resolution);
  const entry: LedgerEntry = {
    operationId: held.operationId,
    deliveryId: held.id,
    attempt: held.attempts,
    kind: 'outcome',
    at: now,
    worker: request.actor,
    token: record.lockToken,
    provider: 'person',
    result: request.resolution === 'delivered' ? 'delivered' : 'resolved',
  };
  const event: RecordEvent = {
    at: now,
    name: 'resolved',
    rule,
    actor: request.actor,
    clock: 'worker',
    deliveryId: held.id,
    audit: true,
    detail: { resolution: request.resolution, note: request.note ?? null, operation: request.operation ?? null },
  };
  return {
    deliveries: [resolved(record, held, request.resolution, rule, now)],
    ledger: [entry],
    events: [event],
    cancelRequestedAt: record.cancelRequestedAt,
  };
}

function resolved(record: WorkRecord, held: Delivery, resolution: Resolution, rule: string, now: number): Delivery {
  switch (resolution) {
    case 'delivered':
      return { ...held, status: 'delivered', reason: rule, failure: null, settledAt: now };
    case 'resend':
      // Due at a time that the store's own clock has passed for certain: ours, and the one that accepted it, may run ahead.
      return { ...held, status: 'queued', reason: rule, dueAt: record.updatedAt, intentAt: null, settledAt: null };
    case 'dead':
      return asDead(record.workload, held, held.failure ?? { code: 'resolved_dead', message: 'given up by a person' }, rule, now);
  }
}
