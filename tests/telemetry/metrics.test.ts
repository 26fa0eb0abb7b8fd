import { describe, expect, it } from '@jest/globals';
import type { Backlog } from '../../src/ports/reader.js';
import type { Delivery, LedgerEntry, WorkRecord } from '../../src/ports/record.js';
import { createMetrics, type Metrics, type Sources } from '../../src/telemetry/metrics.js';

const BACKLOG: Backlog = { open: 7, oldestDueMs: 1500 };

const SOURCES: Sources = {
  reader: { backlog: async () => BACKLOG },
  deliveryCounts: async () => ({ queued: 5, dead: 2 }),
  queue: { depth: async () => ({ waiting: 3, taken: 1 }) },
};

/** The samples of one metric, as `labels value`. */
async function samples(metrics: Metrics, name: string): Promise<string[]> {
  const lines = (await metrics.text()).split('\n');
  return lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `)).map((line) => line.slice(name.length).trim());
}

function metricsOf(sources: Sources): Metrics {
  const metrics = createMetrics();
  metrics.observe(sources);
  return metrics;
}

describe('The metrics', () => {
  it('show a breaker’s state as 0 closed, 1 half-open, 2 open', async () => {
    const metrics = metricsOf(SOURCES);
    for (const [name, state] of [
      ['mongodb', 'closed'],
      ['rabbitmq', 'half-open'],
      ['redis', 'open'],
    ] as const) {
      metrics.count({ kind: 'breaker', name, state });
    }
    expect(await samples(metrics, 'circuit_breaker_state')).toEqual(['{name="mongodb"} 0', '{name="rabbitmq"} 1', '{name="redis"} 2']);
  });

  it('show which servers are there, and count how often each came back', async () => {
    const metrics = metricsOf(SOURCES);
    metrics.connection('mongodb', 'connected');
    metrics.connection('redis', 'disconnected');
    expect(await samples(metrics, 'signalbox_dependency_up')).toEqual(['{name="mongodb"} 1', '{name="redis"} 0']);
    expect(await samples(metrics, 'signalbox_reconnects_total')).toEqual(['{name="mongodb"} 0', '{name="redis"} 0']);
    metrics.connection('mongodb', 'disconnected');
    metrics.connection('mongodb', 'reconnected');
    expect(await samples(metrics, 'signalbox_dependency_up')).toEqual(['{name="mongodb"} 1', '{name="redis"} 0']);
    expect(await samples(metrics, 'signalbox_reconnects_total')).toEqual(['{name="mongodb"} 1', '{name="redis"} 0']);
  });

  it('count what was put off from when it was due, apart from the way since the accept, and only once delivered', async () => {
    const metrics = metricsOf(SOURCES);
    const settled = (status: Delivery['status'], sinceAcceptMs: number, sinceDueMs: number): void =>
      metrics.count({
        kind: 'settled',
        record: {} as WorkRecord,
        delivery: { channel: 'email', status } as Delivery,
        sinceAcceptMs,
        sinceDueMs,
      });
    settled('delivered', 3_600_100, 100);
    settled('deferred', 2_000, 2_000);
    expect(await samples(metrics, 'signalbox_accept_to_delivered_seconds_sum')).toEqual(['{channel="email"} 3600.1']);
    expect(await samples(metrics, 'signalbox_due_to_delivered_seconds_sum')).toEqual(['{channel="email"} 0.1']);
    expect(await samples(metrics, 'signalbox_due_to_delivered_seconds_count')).toEqual(['{channel="email"} 1']);
  });

  it('count locks that were in the way, leases that were taken over, and retries', async () => {
    const metrics = metricsOf(SOURCES);
    metrics.count({ kind: 'claimed', count: 4, refused: 3, leased: 2, reclaimed: 1 });
    const delivery = { channel: 'email' } as Delivery;
    for (const result of ['retry', 'throttled', 'delivered', 'dead'] as const) {
      metrics.count({ kind: 'attempted', record: {} as WorkRecord, delivery, entry: { result } as LedgerEntry });
    }
    expect(await samples(metrics, 'signalbox_claims_total')).toEqual(['4']);
    expect(await samples(metrics, 'signalbox_claims_refused_total')).toEqual(['3']);
    expect(await samples(metrics, 'signalbox_lock_conflicts_total')).toEqual(['2']);
    expect(await samples(metrics, 'signalbox_leases_reclaimed_total')).toEqual(['1']);
    expect(await samples(metrics, 'signalbox_retries_total')).toEqual(['{channel="email"} 2']);
  });

  it('show connections to the store and to Redis where there is somebody to ask, from when that is', async () => {
    const metrics = createMetrics();
    expect(await samples(metrics, 'signalbox_store_connections')).toEqual([]);
    metrics.observe({
      ...SOURCES,
      connections: () => ({ open: 3, inUse: 1, limit: 6 }),
      fleetConnections: async () => 21,
      redisConnections: () => 2,
    });
    expect(await samples(metrics, 'signalbox_store_connections')).toEqual(['{state="open"} 3', '{state="in_use"} 1', '{state="limit"} 6']);
    expect(await samples(metrics, 'signalbox_fleet_store_connections')).toEqual(['21']);
    expect(await samples(metrics, 'signalbox_redis_connections')).toEqual(['2']);
  });

  it('are given without what nobody answers for, and with it again afterwards', async () => {
    let away = true;
    const ask =
      <T>(value: T) =>
      (): Promise<T> =>
        away ? Promise.reject(new Error('away')) : Promise.resolve(value);
    const metrics = metricsOf({ reader: { backlog: ask(BACKLOG) }, queue: { depth: ask({ waiting: 3, taken: 1 }) } });
    metrics.count({ kind: 'breaker', name: 'mongodb', state: 'open' });
    const shown = async (): Promise<string[][]> =>
      Promise.all(['signalbox_open_records', 'signalbox_queue_depth', 'circuit_breaker_state'].map((name) => samples(metrics, name)));
    expect(await shown()).toEqual([[], [], ['{name="mongodb"} 2']]);
    away = false;
    expect(await shown()).toEqual([['7'], ['{state="waiting"} 3', '{state="taken"} 1'], ['{name="mongodb"} 2']]);
    away = true;
    expect(await shown()).toEqual([[], [], ['{name="mongodb"} 2']]);
  });

  it('ask the store once a scrape', async () => {
    let asked = 0;
    const backlog = async (): Promise<Backlog> => {
      asked += 1;
      return BACKLOG;
    };
    const metrics = metricsOf({ ...SOURCES, reader: { backlog } });
    await metrics.text();
    expect(asked).toBe(1);
    expect(await samples(metrics, 'signalbox_backlog_age_seconds')).toEqual(['1.5']);
    expect(await samples(metrics, 'signalbox_deliveries')).toContain('{status="dead"} 2');
  });

  it('begin to count deliveries at nothing, so that the first dead one is seen to be one more', async () => {
    const metrics = metricsOf({ ...SOURCES, channels: ['email'] });
    expect(await samples(metrics, 'signalbox_deliveries_settled_total')).toContain('{channel="email",status="dead"} 0');
    expect(await samples(metrics, 'signalbox_duplicates_total')).toEqual(['0']);
  });

  it('count a call as a possible duplicate when its outcome was refused, and no other refused write', async () => {
    const metrics = metricsOf(SOURCES);
    metrics.count({ kind: 'fenced', record: {} as WorkRecord, during: 'attempted' });
    metrics.count({ kind: 'fenced', record: {} as WorkRecord, during: 'delivered' });
    expect(await samples(metrics, 'signalbox_fenced_total')).toEqual(['2']);
    expect(await samples(metrics, 'signalbox_duplicates_total')).toEqual(['1']);
  });

  it('show what is in hand and how full the disk is', async () => {
    const metrics = metricsOf({ ...SOURCES, work: () => ({ held: 3, limit: 12 }), disk: '/does/not/exist/yet' });
    expect(await samples(metrics, 'signalbox_records_held')).toEqual(['{state="held"} 3', '{state="limit"} 12']);
    expect(await samples(metrics, 'signalbox_disk_bytes')).toHaveLength(2);
    for (const name of ['signalbox_memory_limit_bytes', 'signalbox_cpu_limit_cores']) expect(await samples(metrics, name)).toHaveLength(1);
  });

  it('show processor, memory, disk and network', async () => {
    const metrics = metricsOf(SOURCES);
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_start_time_seconds']) {
      expect(await samples(metrics, name)).toHaveLength(1);
    }
    expect(await samples(metrics, 'signalbox_disk_operations_total')).toHaveLength(2);
    if (process.platform === 'linux') expect(await samples(metrics, 'signalbox_network_bytes_total')).toHaveLength(2);
  });
});
