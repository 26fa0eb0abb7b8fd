import type { Delivery, LedgerEntry, RecordEvent, WorkRecord } from '../../src/ports/record.js';
import type { Change, Draft, LeaseRef } from '../../src/ports/store.js';

/** What a test says about a draft; the rest is the same for all. */
export interface DraftShape {
  readonly id: string;
  readonly tenant?: string;
  readonly workload?: string;
  readonly userId?: string | null;
  readonly priority?: Draft['priority'];
  readonly fingerprint?: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** `createdAt` where it is left out: due at once. */
  readonly dueAt?: number;
  readonly body?: string;
  /** One delivery for each. */
  readonly channels?: readonly string[];
}

/** A draft as the pipeline would offer it, with one delivery by e-mail where the shape says nothing else. */
export function draftOf(shape: DraftShape): Draft {
  const { id, tenant = 't', createdAt, dueAt = createdAt } = shape;
  const status = dueAt > createdAt ? 'scheduled' : 'queued';
  const deliveries = (shape.channels ?? ['email']).map((channel) => deliveryOf(id, channel, status, dueAt));
  return {
    tenant,
    id,
    workload: shape.workload ?? 'notifications',
    principal: 'tester',
    userId: shape.userId === undefined ? 'user_001' : shape.userId,
    status,
    priority: shape.priority ?? 'normal',
    payload: { subject: 'A subject', body: shape.body ?? 'A body', data: null },
    correlation: { requestId: `request of ${id}` },
    fingerprint: shape.fingerprint ?? `fingerprint of ${id}`,
    createdAt,
    dueAt,
    deliveries,
    events: [
      {
        at: createdAt,
        name: 'accepted',
        rule: 'accept.idempotent',
        actor: 'api',
        clock: 'worker',
        detail: { deliveries: deliveries.length },
      },
    ],
  };
}

function deliveryOf(id: string, channel: string, status: Delivery['status'], dueAt: number): Delivery {
  return {
    id: `${id}:${channel}`,
    channel,
    recipient: 'someone@example.org',
    status,
    generation: 1,
    operationId: `operation of ${id}:${channel}:1`,
    attempts: 0,
    throttles: 0,
    dueAt,
    intentAt: null,
    reason: null,
    failure: null,
    fingerprint: null,
    settledAt: null,
  };
}

/** The lease that a claim by `worker` gave on `record`. */
export function leaseOn(record: WorkRecord): LeaseRef {
  if (record.lockedBy === null) throw new Error(`${record.id} is not leased`);
  return { tenant: record.tenant, id: record.id, worker: record.lockedBy, token: record.lockToken };
}

/** The record's first delivery, or the one on `channel`. */
export function deliveryIn(record: WorkRecord, channel?: string): Delivery {
  const found = record.deliveries.find((delivery) => channel === undefined || delivery.channel === channel);
  if (found === undefined) throw new Error(`${record.id} has no such delivery`);
  return found;
}

/** Before a call: the first delivery is being attempted. */
export function intentOf(record: WorkRecord, seq: number, at: number): Change {
  const delivery: Delivery = { ...deliveryIn(record), status: 'processing', attempts: 1, intentAt: at };
  const ledger = [{ ...ledgerLine(record, at), kind: 'intent' as const }];
  return {
    seq,
    status: 'processing',
    dueAt: record.dueAt,
    deliveries: [delivery],
    ledger,
    events: [eventOf('attempted', at)],
    release: false,
  };
}

/** After a call: the first delivery is done, and the lease goes back. */
export function doneOf(record: WorkRecord, seq: number, at: number): Change {
  const delivery: Delivery = { ...deliveryIn(record), status: 'delivered', attempts: 1, dueAt: null, intentAt: null, settledAt: at };
  const ledger = [
    { ...ledgerLine(record, at), kind: 'outcome' as const, result: 'delivered' as const, durationMs: 12.5, receipt: '<1@x>' },
  ];
  return { seq, status: 'delivered', dueAt: null, deliveries: [delivery], ledger, events: [eventOf('delivered', at)], release: true };
}

/** The first delivery came to rest as a dead letter or is held; the lease goes back. */
export function restOf(record: WorkRecord, seq: number, at: number, status: 'dead' | 'held'): Change {
  const failure = { code: 'smtp_550', message: 'No such mailbox' };
  const fingerprint = status === 'dead' ? 'email smtp_550' : null;
  const delivery: Delivery = { ...deliveryIn(record), status, attempts: 1, dueAt: null, failure, fingerprint, settledAt: at };
  return { seq, status, dueAt: null, deliveries: [delivery], ledger: [], events: [eventOf(status, at)], release: true };
}

/** Put off until `dueAt`; the lease goes back. */
export function deferralOf(record: WorkRecord, seq: number, dueAt: number): Change {
  const delivery: Delivery = { ...deliveryIn(record), status: 'deferred', dueAt, reason: 'retry.backoff' };
  return { seq, status: 'deferred', dueAt, deliveries: [delivery], ledger: [], events: [eventOf('deferred', dueAt)], release: true };
}

export function eventOf(name: string, at: number): RecordEvent {
  return { at, name, rule: `rule of ${name}`, actor: 'tester', clock: 'worker', detail: { n: 1, text: 'é', none: null, yes: true } };
}

function ledgerLine(record: WorkRecord, at: number): Omit<LedgerEntry, 'kind'> {
  const { operationId, id } = deliveryIn(record);
  return { operationId, deliveryId: id, attempt: 1, at, worker: record.lockedBy ?? 'nobody', token: record.lockToken, provider: 'relay' };
}
