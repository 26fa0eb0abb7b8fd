import { operationIdOf } from '../pipeline/envelope.js';
import type { AuditEntry, DeliveryGroup } from '../ports/desk.js';
import type { DeliveryRow, History } from '../ports/reader.js';
import type { LedgerEntry } from '../ports/record.js';

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

/** A line of the desk. */
export function rowView({ record, delivery }: DeliveryRow) {
  return {
    deliveryId: delivery.id,
    workload: record.workload,
    recordId: record.id,
    userId: record.userId,
    channel: delivery.channel,
    recipient: delivery.recipient,
    status: delivery.status,
    reason: delivery.reason,
    failure: delivery.failure,
    fingerprint: delivery.fingerprint,
    attempts: delivery.attempts,
    operationId: delivery.operationId,
    generation: delivery.generation,
    redrives: delivery.redrives ?? 0,
    acceptedAt: iso(record.createdAt),
    settledAt: iso(delivery.settledAt),
    requestId: record.correlation.requestId,
  };
}

/** The line with everything that was ever tried and decided, over all generations. */
export function fullView(row: DeliveryRow, { ledger, events }: History) {
  const { id } = row.delivery;
  const own = ledger.filter((entry) => entry.deliveryId === id);
  return {
    ...rowView(row),
    lineage: lineageOf(row, own),
    ledger: own.map((entry) => ({ ...entry, at: iso(entry.at) })),
    events: events
      .filter((event) => event.deliveryId === undefined || event.deliveryId === id)
      .map((event) => ({ ...event, at: iso(event.at) })),
  };
}

/** One line for each generation: its operation id, how often it was tried, and how that ended. */
function lineageOf({ record, delivery }: DeliveryRow, ledger: readonly LedgerEntry[]) {
  return Array.from({ length: delivery.generation }, (_, index) => {
    const generation = index + 1;
    const operationId = operationIdOf(record.tenant, record.id, delivery.channel, delivery.recipient, generation);
    const own = ledger.filter((entry) => entry.operationId === operationId);
    const intents = own.filter((entry) => entry.kind === 'intent');
    const last = own.filter((entry) => entry.kind === 'outcome' && entry.provider !== 'person').at(-1);
    return {
      generation,
      operationId,
      attempts: intents.length,
      firstAt: iso(intents[0]?.at ?? null),
      lastAt: iso(last?.at ?? null),
      result: last?.result ?? null,
      code: last?.failure?.code ?? null,
    };
  });
}

export function groupView(group: DeliveryGroup) {
  const { fingerprint, workload, channel, failure, count, firstAt, lastAt, sample } = group;
  const { code, message } = failure ?? { code: null, message: null };
  return { fingerprint, workload, channel, code, message, count, firstAt: iso(firstAt), lastAt: iso(lastAt), sample };
}

export function auditView({ recordId, workload, event }: AuditEntry) {
  const { at, actor, name, rule, deliveryId = null, detail = {} } = event;
  return { at: iso(at), actor, action: name, workload, recordId, deliveryId, rule, detail };
}
