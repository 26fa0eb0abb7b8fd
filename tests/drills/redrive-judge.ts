import type { Seen } from '../../tools/ledger/entry.js';
import type { ToldDelivery, ToldNotification } from './evidence.js';

/**
 * What an item's receiver does. `refused`: 400 at first, later it takes it. `uncertain`: takes it and never answers, later
 * it answers. `failing`: 400 for ever.
 */
export type Fate = 'refused' | 'uncertain' | 'failing';

/** A line of `/desk/audit`. */
export interface AuditLine {
  readonly at: string;
  readonly action: string;
  readonly deliveryId: string | null;
  readonly detail: { readonly operation?: string | null };
}

export interface RedriveEvidence {
  readonly told: readonly ToldNotification[];
  readonly audit: readonly AuditLine[];
  /** Delivery ids on the desk in the end. */
  readonly listed: ReadonlySet<string>;
  readonly seen: readonly Seen[];
  readonly operationId: string;
  fateOf(recipient: string): Fate;
}

export interface Tally {
  readonly items: number;
  readonly redrivenOnce: number;
  readonly redrivenNever: number;
  readonly redrivenMore: number;
  readonly delivered: number;
  readonly backOnTheDesk: number;
  /** Of those delivered: under a new operation id, or under the one that their receiver knew. */
  readonly newOperation: number;
  readonly sameOperation: number;
}

/** What must have become of each, by what its receiver did. */
export function judgeRedrive(evidence: RedriveEvidence): { readonly tally: Tally; readonly failures: readonly string[] } {
  const deliveries = evidence.told.flatMap((notification) => notification.deliveries);
  const events = new Map<string, number>();
  for (const { action, deliveryId, detail } of evidence.audit) {
    if (action !== 'redriven' || deliveryId === null || detail.operation !== evidence.operationId) continue;
    events.set(deliveryId, (events.get(deliveryId) ?? 0) + 1);
  }
  const effects = new Map<string, number>();
  for (const { operationId } of evidence.seen) effects.set(operationId, (effects.get(operationId) ?? 0) + 1);
  const failures = deliveries.flatMap((delivery) => {
    const wrong = wrongWith(delivery, evidence, events.get(delivery.deliveryId) ?? 0, effects);
    return wrong === null ? [] : [`${delivery.deliveryId} (${evidence.fateOf(delivery.recipient)}): ${wrong}`];
  });
  const count = (of: (delivery: ToldDelivery) => boolean): number => deliveries.filter(of).length;
  const times = ({ deliveryId }: ToldDelivery): number => events.get(deliveryId) ?? 0;
  return {
    failures,
    tally: {
      items: deliveries.length,
      redrivenOnce: count((delivery) => times(delivery) === 1),
      redrivenNever: count((delivery) => times(delivery) === 0),
      redrivenMore: count((delivery) => times(delivery) > 1),
      delivered: count(({ status }) => status === 'delivered'),
      backOnTheDesk: count(({ deliveryId }) => evidence.listed.has(deliveryId)),
      newOperation: count(({ status, generation }) => status === 'delivered' && generation > 1),
      sameOperation: count(({ status, generation }) => status === 'delivered' && generation === 1),
    },
  };
}

function wrongWith(
  delivery: ToldDelivery,
  evidence: RedriveEvidence,
  redriven: number,
  effects: ReadonlyMap<string, number>,
): string | null {
  const fate = evidence.fateOf(delivery.recipient);
  const listed = evidence.listed.has(delivery.deliveryId);
  const { status, redrives, generation, operationId } = delivery;
  const expected = fate === 'failing' ? 'dead' : 'delivered';
  if (redriven !== 1) return `${redriven} redriven events, not 1`;
  if (redrives !== 1) return `redrives is ${redrives}, not 1`;
  if (status !== expected) return `is ${status}, not ${expected}`;
  if (listed !== (fate === 'failing')) return listed ? 'is still on the desk' : 'failed again and is not on the desk';
  if (generation !== (fate === 'uncertain' ? 1 : 2)) return `is in generation ${generation}`;
  const came = effects.get(operationId) ?? 0;
  if (fate === 'failing' ? came > 0 : came === 0) return `${came} effects at its receiver under its operation id`;
  return null;
}
