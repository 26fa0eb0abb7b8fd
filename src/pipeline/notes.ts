import type { Outcome } from '../ports/channel.js';
import type { Delivery, Detail, LedgerEntry, RecordEvent, WorkRecord } from '../ports/record.js';
import { SUSPECT_AFTER } from '../ports/store.js';
import type { Fact } from '../ports/watch.js';
import type { Lease } from './lease.js';

/** What the holder of a lease writes down, in its own name and by the store's clock. */
export class Notes {
  /** As they were when they were claimed: an intent overwrites when its delivery was due. */
  private readonly claimed: readonly Delivery[];

  constructor(private readonly lease: Lease) {
    this.claimed = lease.record.deliveries;
  }

  entry(delivery: Delivery, provider: string, kind: LedgerEntry['kind'], durationMs?: number): LedgerEntry {
    return {
      operationId: delivery.operationId,
      deliveryId: delivery.id,
      attempt: delivery.attempts,
      kind,
      at: this.lease.now(),
      worker: this.lease.ref.worker,
      token: this.lease.ref.token,
      provider,
      ...(durationMs === undefined ? {} : { durationMs }),
    };
  }

  event(name: string, rule: string, delivery: Delivery | null, detail: Detail): RecordEvent {
    const of = delivery === null ? {} : { deliveryId: delivery.id };
    return { at: this.lease.now(), name, rule, actor: this.lease.ref.worker, clock: 'store', detail, ...of };
  }

  /** That a delivery came to rest or was put off, and how long after it was accepted and after it was due. */
  settled(delivery: Delivery): Fact {
    const { record } = this.lease;
    const now = this.lease.now();
    const dueAt = this.claimed.find(({ id }) => id === delivery.id)?.dueAt ?? now;
    return { kind: 'settled', record, delivery, sinceAcceptMs: now - record.createdAt, sinceDueMs: now - dueAt };
  }

  /** The claim itself, and whom it fenced: where the last holder left without a word, its lease ran out. */
  claim(): RecordEvent[] {
    const { record } = this.lease;
    const claimed = this.event('claimed', 'claim.due', null, { token: record.lockToken, claims: record.claims });
    return takenOver(record) ? [this.event('fenced', 'lease.expired', null, { token: record.lockToken - 1 }), claimed] : [claimed];
  }
}

/** Whether a record just claimed was held by somebody who left without a word. */
export function takenOver(record: WorkRecord): boolean {
  return record.barrenClaims > 1 || record.deliveries.some((delivery) => delivery.intentAt !== null);
}

/**
 * Whether a record just claimed was lost in the middle of a call, and not for the first time: it may kill its worker, or have
 * been beside what does. An intent that is open on purpose, to be asked about, is none that was lost.
 */
export function lostAgain({ deliveries }: WorkRecord): boolean {
  return deliveries.some(({ status, intentAt, attempts }) => status === 'processing' && intentAt !== null && attempts >= SUSPECT_AFTER);
}

/** The entry with what the provider said. */
export function withOutcome(entry: LedgerEntry, outcome: Outcome): LedgerEntry {
  if (outcome.kind === 'done') return outcome.receipt === undefined ? entry : { ...entry, receipt: outcome.receipt };
  if (outcome.kind === 'defer') return entry;
  return { ...entry, failure: outcome.failure };
}
