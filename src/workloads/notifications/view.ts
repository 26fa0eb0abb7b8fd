import type { History } from '../../ports/reader.js';
import type { Delivery, LedgerEntry, WorkRecord } from '../../ports/record.js';
import { payloadOf } from './rules.js';

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

/** The answer to an accept: the same for the first call and every repeat, but for `idempotentHit`. */
export function acceptedView(record: WorkRecord, idempotentHit: boolean) {
  const { scheduledFor } = payloadOf(record);
  const scheduled = scheduledFor !== null && Date.parse(scheduledFor) > record.createdAt;
  return { notificationId: record.id, status: scheduled ? 'scheduled' : 'queued', acceptedAt: iso(record.createdAt), idempotentHit };
}

/** A notification without its history. Times are ISO 8601, UTC. */
export function notificationView(record: WorkRecord) {
  const payload = payloadOf(record);
  return {
    notificationId: record.id,
    userId: record.userId,
    status: record.status,
    priority: record.priority,
    category: payload.category,
    subject: payload.subject,
    body: payload.body,
    data: payload.data,
    scheduledFor: payload.scheduledFor,
    expiresAt: payload.expiresAt,
    batchId: payload.batchId ?? null,
    acceptedAt: iso(record.createdAt),
    updatedAt: iso(record.updatedAt),
    dueAt: iso(record.dueAt),
    cancelRequestedAt: iso(record.cancelRequestedAt),
    requestId: record.correlation.requestId,
    lock: { lockedBy: record.lockedBy, lockToken: record.lockToken, lockedUntil: iso(record.lockedUntil), claims: record.claims },
  };
}

/** One attempt: an intent and, where there is one, its outcome. No outcome yet: `result` is null. */
function attemptView(intent: LedgerEntry, outcome: LedgerEntry | undefined) {
  const { attempt, operationId, provider, worker } = intent;
  return { attempt, operationId, startedAt: iso(intent.at), provider, worker, ...outcomeView(outcome) };
}

function outcomeView(outcome: Partial<LedgerEntry> = {}) {
  const { at = null, durationMs = null, result = null, failure = null, retryAt = null, receipt = null } = outcome;
  const { code, message } = failure ?? { code: null, message: null };
  return { endedAt: iso(at), durationMs, result, code, message, retryAt: iso(retryAt), receipt };
}

function attemptsOf(delivery: Delivery, ledger: readonly LedgerEntry[]) {
  const mine = ledger.filter((entry) => entry.deliveryId === delivery.id);
  const outcomes = mine.filter((entry) => entry.kind === 'outcome' && entry.provider !== 'person');
  return mine
    .filter((entry) => entry.kind === 'intent')
    .map((intent) =>
      attemptView(
        intent,
        outcomes.find((outcome) => outcome.operationId === intent.operationId && outcome.attempt === intent.attempt),
      ),
    );
}

/** A delivery with every attempt made for it, over all generations: each shows the operation id that it went out under. */
export function deliveryView(delivery: Delivery, ledger: readonly LedgerEntry[]) {
  return {
    deliveryId: delivery.id,
    channel: delivery.channel,
    recipient: delivery.recipient,
    status: delivery.status,
    reason: delivery.reason,
    operationId: delivery.operationId,
    generation: delivery.generation,
    redrives: delivery.redrives ?? 0,
    dueAt: iso(delivery.dueAt),
    settledAt: iso(delivery.settledAt),
    failure: delivery.failure,
    fingerprint: delivery.fingerprint,
    attempts: attemptsOf(delivery, ledger),
  };
}

export function detailView(record: WorkRecord, history: History) {
  return { ...notificationView(record), deliveries: record.deliveries.map((delivery) => deliveryView(delivery, history.ledger)) };
}
