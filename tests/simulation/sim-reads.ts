import type { Backlog, DeliveryCounts, DeliveryFilter, DeliveryQuery, DeliveryRow, History, ListQuery } from '../../src/ports/reader.js';
import type { DeliveryStatus, RecordKey, WorkRecord } from '../../src/ports/record.js';
import type { SimStore } from './sim-store.js';

export interface SimReads {
  get(key: RecordKey): WorkRecord | null;
  history(key: RecordKey): History;
  list(query: ListQuery): readonly WorkRecord[];
  listDeliveries(query: DeliveryQuery): readonly DeliveryRow[];
  delivery(tenant: string, deliveryId: string): DeliveryRow | null;
  backlog(): Backlog;
  deliveryCounts(): DeliveryCounts;
}

/** Descending by time, then by id. */
function descending(a: readonly [number, string], b: readonly [number, string]): number {
  if (a[0] !== b[0]) return b[0] - a[0];
  if (a[1] === b[1]) return 0;
  return a[1] < b[1] ? 1 : -1;
}

function matches(filter: DeliveryFilter, { record, delivery }: DeliveryRow): boolean {
  const { status, workload, exceptWorkload, channel, fingerprint, code, userId, since, until } = filter;
  const settledAt = delivery.settledAt ?? 0;
  const same = [
    [workload, record.workload],
    [channel, delivery.channel],
    [fingerprint, delivery.fingerprint],
    [code, delivery.failure?.code],
    [userId, record.userId],
  ].every(([wanted, is]) => wanted === undefined || wanted === is);
  const within = (since === undefined || settledAt >= since) && (until === undefined || settledAt < until);
  return delivery.status === status && record.workload !== exceptWorkload && same && within;
}

/** The reader's questions, asked of the simulated store. */
export function simReads(store: SimStore): SimReads {
  const deliveriesOf = (tenant: string): readonly DeliveryRow[] =>
    [...store.rows.values()]
      .filter(({ record }) => record.tenant === tenant)
      .flatMap(({ record }) => record.deliveries.map((delivery) => ({ record, delivery })));
  return {
    get: (key) => store.row(key)?.record ?? null,
    history(key) {
      const row = store.row(key);
      return { events: [...(row?.events ?? [])], ledger: [...(row?.ledger ?? [])] };
    },
    list({ tenant, workload, status, open, userId, limit, after }) {
      const place = (record: WorkRecord): readonly [number, string] => [record.createdAt, record.id];
      return [...store.rows.values()]
        .map(({ record }) => record)
        .filter((record) => record.tenant === tenant && record.workload === workload)
        .filter((record) => open === undefined || record.dueAt !== null)
        .filter((record) => (status === undefined || record.status === status) && (userId === undefined || record.userId === userId))
        .filter((record) => after === undefined || descending([after.createdAt, after.id], place(record)) < 0)
        .sort((a, b) => descending(place(a), place(b)))
        .slice(0, limit);
    },
    listDeliveries(query) {
      const { tenant, limit, after } = query;
      const place = ({ delivery }: DeliveryRow): readonly [number, string] => [delivery.settledAt ?? 0, delivery.id];
      return deliveriesOf(tenant)
        .filter((row) => matches(query, row))
        .filter((row) => after === undefined || descending([after.settledAt, after.id], place(row)) < 0)
        .sort((a, b) => descending(place(a), place(b)))
        .slice(0, limit);
    },
    delivery: (tenant, deliveryId) => deliveriesOf(tenant).find(({ delivery }) => delivery.id === deliveryId) ?? null,
    backlog() {
      const now = store.now();
      let open = 0;
      let oldestDueMs = 0;
      for (const { record } of store.rows.values()) {
        if (record.dueAt !== null) {
          open += 1;
          oldestDueMs = Math.max(oldestDueMs, now - record.dueAt);
        }
      }
      return { open, oldestDueMs };
    },
    deliveryCounts() {
      const counts: Partial<Record<DeliveryStatus, number>> = {};
      for (const { record } of store.rows.values()) {
        for (const { status } of record.deliveries) counts[status] = (counts[status] ?? 0) + 1;
      }
      return counts;
    },
  };
}
