import type { Resolution } from '../../pipeline/amend.js';
import type { DeliveryFilter } from '../../ports/reader.js';
import type { WorkRecord } from '../../ports/record.js';

/** The name of the workload, of its channel and of what its breaker guards. */
export const DESK = 'desk';

export const ACTIONS = ['redrive', 'discard', 'resolve'] as const;

export type DeskAction = (typeof ACTIONS)[number];

/** What an operation on many is to do; the content of its record, never changed. */
export type DeskPlan = {
  /** As the person gave it; times in milliseconds since the epoch. */
  readonly filter: Omit<DeliveryFilter, 'tenant' | 'status' | 'exceptWorkload'>;
  /** Null: as fast as it goes. */
  readonly ratePerSecond: number | null;
  /** A note, or the reason of a discard. */
  readonly note: string | null;
  /** How many matched when it was accepted. */
  readonly matched: number;
} & ({ readonly action: 'redrive' | 'discard' } | { readonly action: 'resolve'; readonly resolution: Resolution });

/** Written by this workload's own routes from a validated request. */
export function planOf(record: WorkRecord): DeskPlan {
  return record.payload as DeskPlan;
}

export function statusFor(action: DeskAction): DeliveryFilter['status'] {
  return action === 'resolve' ? 'held' : 'dead';
}

/**
 * What an operation that was accepted at this time is about: what came to rest before, so that what fails again while it
 * runs is not met by it again; and never other operations on many.
 */
export function scopeOf(plan: DeskPlan, tenant: string, acceptedAt: number): DeliveryFilter {
  // What rested in the very millisecond in which it was accepted had been seen on the desk by whoever asked.
  const until = Math.min(plan.filter.until ?? Number.MAX_SAFE_INTEGER, acceptedAt + 1);
  return { ...plan.filter, tenant, status: statusFor(plan.action), exceptWorkload: DESK, until };
}
