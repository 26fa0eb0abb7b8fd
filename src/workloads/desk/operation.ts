import type { WorkRecord } from '../../ports/record.js';
import { planOf } from './plan.js';

const iso = (at: number | null | undefined): string | null => (at === null || at === undefined ? null : new Date(at).toISOString());

const ENDED = { delivered: 'completed', cancelled: 'cancelled', dead: 'failed' } as const;

/** How far an operation on many has got. `done`: deliveries that it has changed so far. */
export function operationView(record: WorkRecord, done: number) {
  const { filter, matched, ratePerSecond, note, ...what } = planOf(record);
  const { since, until, ...fields } = filter;
  const [delivery] = record.deliveries;
  const times = { ...(since === undefined ? {} : { since: iso(since) }), ...(until === undefined ? {} : { until: iso(until) }) };
  return {
    operationId: record.id,
    ...what,
    status: statusOf(record),
    matched,
    done,
    ratePerSecond,
    filter: { ...fields, ...times },
    note,
    actor: record.principal,
    startedAt: iso(record.createdAt),
    finishedAt: iso(delivery?.settledAt),
    failure: delivery?.failure ?? null,
    cancelRequestedAt: iso(record.cancelRequestedAt),
    deliveryId: delivery?.id ?? null,
    requestId: record.correlation.requestId,
  };
}

function statusOf({ status }: WorkRecord): string {
  return status in ENDED ? ENDED[status as keyof typeof ENDED] : 'running';
}
