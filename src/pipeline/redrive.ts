import { SignalboxError } from '../errors.js';
import type { History } from '../ports/reader.js';
import type { Delivery, LedgerEntry, RecordEvent, WorkRecord } from '../ports/record.js';
import { operationIdOf } from './envelope.js';

/** A change by a person, to be written if the record is still as it was read. */
export interface Edit {
  readonly deliveries: readonly Delivery[];
  readonly ledger: readonly LedgerEntry[];
  readonly events: readonly RecordEvent[];
  readonly cancelRequestedAt: number | null;
}

interface DeskRequest {
  readonly deliveryId: string;
  readonly actor: string;
  /** The operation on many that this is part of; it does the same thing to one delivery at most once. */
  readonly operation?: string;
}

export interface RedriveRequest extends DeskRequest {
  readonly note?: string;
}

export interface DiscardRequest extends DeskRequest {
  readonly reason: string;
}

/** Outcomes after which it is certain that the effect did not happen. */
const REFUSED: ReadonlySet<LedgerEntry['result']> = new Set(['retry', 'throttled', 'deferred', 'dead'] as const);

const REDRIVEN = 'desk.redriven';
const DISCARDED = 'desk.discarded';

/**
 * Brings a dead letter back under its own identity; null where that was done already by the same wish. A wish to cancel
 * that is older than this one is overridden.
 *
 * The generation rises, and with it the operation id, only where every attempt is known to have had no effect: a provider
 * that keeps ids must then not take the next one for a repeat of what it refused. As soon as one outcome is unknown
 * the id stays, so that a receiver can absorb the repeat, and the attempts so far are forgiven instead: counting starts
 * afresh, and no attempt number is used twice. The last failure stays with it until it is delivered.
 *
 * @throws SignalboxError `not-found`; `conflict` when it is not dead; `record-busy` while a cancellation is under way
 */
export function redriveEdit(record: WorkRecord, { ledger, events }: History, request: RedriveRequest, now: number): Edit | null {
  const delivery = deliveryOf(record, request.deliveryId);
  if (wasDone(events, 'redriven', request)) return null;
  // Asked again by someone who did not hear the answer.
  if (delivery.status === 'queued' && delivery.reason === REDRIVEN) return null;
  demandDead(delivery);
  if (record.cancelRequestedAt !== null && record.dueAt !== null) {
    throw new SignalboxError('record-busy', 'Other deliveries of the record are being cancelled; try again', { retryAfterS: 1 });
  }
  const past = pastOf(delivery, ledger);
  const redriven = backFromTheDesk(record, delivery, past);
  const event = eventOf('redriven', 'desk.redrive', request, now, {
    generationFrom: delivery.generation,
    generationTo: redriven.generation,
    outcomes: past,
    note: request.note ?? null,
  });
  // Whoever sends again what may have happened takes that upon themselves: it is in the ledger.
  const taken = past === 'unknown' ? [personsWord(record, delivery, request.actor, now)] : [];
  return { deliveries: [redriven], ledger: taken, events: [event], cancelRequestedAt: null };
}

/** Ends a dead letter for good: cancelled, with the person's reason in its event; its failure stays. Null where that was done already. */
export function discardEdit(record: WorkRecord, request: DiscardRequest, now: number): Edit | null {
  const delivery = deliveryOf(record, request.deliveryId);
  if (delivery.status === 'cancelled' && delivery.reason === DISCARDED) return null;
  demandDead(delivery);
  const discarded: Delivery = { ...delivery, status: 'cancelled', reason: DISCARDED, settledAt: now };
  const event = eventOf('discarded', 'desk.discard', request, now, { reason: request.reason, code: delivery.failure?.code ?? null });
  return { deliveries: [discarded], ledger: [], events: [event], cancelRequestedAt: record.cancelRequestedAt };
}

/** True where this operation has done this to this delivery before, whatever became of it since. */
export function wasDone(events: readonly RecordEvent[], name: string, { deliveryId, operation }: Partial<DeskRequest>): boolean {
  if (operation === undefined) return false;
  return events.some((event) => event.name === name && event.deliveryId === deliveryId && event.detail?.operation === operation);
}

/** What the ledger knows of the present operation: never attempted; refused each time; or nobody knows. */
function pastOf({ operationId }: Delivery, ledger: readonly LedgerEntry[]): 'none' | 'refused' | 'unknown' {
  const own = ledger.filter((entry) => entry.operationId === operationId);
  const intents = own.filter((entry) => entry.kind === 'intent');
  if (intents.length === 0) return 'none';
  const outcomes = own.filter((entry) => entry.kind === 'outcome');
  const ended = new Set(outcomes.map((entry) => entry.attempt));
  const refused = outcomes.every((entry) => REFUSED.has(entry.result)) && intents.every((entry) => ended.has(entry.attempt));
  return refused ? 'refused' : 'unknown';
}

function backFromTheDesk(record: WorkRecord, delivery: Delivery, past: 'none' | 'refused' | 'unknown'): Delivery {
  const back: Delivery = {
    ...delivery,
    status: 'queued',
    reason: REDRIVEN,
    fingerprint: null,
    // A time that the store's own clock has passed for certain: ours may run ahead of it.
    dueAt: record.updatedAt,
    intentAt: null,
    settledAt: null,
    redrives: (delivery.redrives ?? 0) + 1,
    throttles: 0,
  };
  if (past !== 'refused') return { ...back, forgiven: delivery.attempts };
  const generation = delivery.generation + 1;
  const operationId = operationIdOf(record.tenant, record.id, delivery.channel, delivery.recipient, generation);
  return { ...back, generation, operationId, attempts: 0, forgiven: 0 };
}

function personsWord(record: WorkRecord, { id, operationId, attempts }: Delivery, actor: string, now: number): LedgerEntry {
  return {
    operationId,
    deliveryId: id,
    attempt: attempts,
    kind: 'outcome',
    at: now,
    worker: actor,
    token: record.lockToken,
    provider: 'person',
    result: 'resolved',
  };
}

function eventOf(name: string, rule: string, request: DeskRequest, now: number, detail: NonNullable<RecordEvent['detail']>): RecordEvent {
  const { actor, deliveryId, operation = null } = request;
  return { at: now, name, rule, actor, clock: 'worker', deliveryId, audit: true, detail: { ...detail, operation } };
}

function deliveryOf(record: WorkRecord, deliveryId: string): Delivery {
  const delivery = record.deliveries.find((each) => each.id === deliveryId);
  if (delivery === undefined) throw new SignalboxError('not-found', 'There is no delivery with this id');
  return delivery;
}

function demandDead({ status }: Delivery): void {
  if (status !== 'dead') throw new SignalboxError('conflict', `The delivery is ${status}, not dead`);
}
