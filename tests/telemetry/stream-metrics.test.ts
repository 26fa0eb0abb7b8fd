import { describe, expect, it } from '@jest/globals';
import type { PartitionDepth, StreamEntry } from '../../src/ports/stream.js';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.js';

const entry = { id: 'm-1', appendedAt: 1_000, partition: 3 } as StreamEntry;

async function samples(metrics: Metrics, name: string): Promise<string[]> {
  const lines = (await metrics.text()).split('\n');
  return lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `)).map((line) => line.slice(name.length).trim());
}

function watching(streamDepth: () => Promise<readonly PartitionDepth[]>): Metrics {
  const metrics = createMetrics();
  const backlog = async () => ({ open: 0, oldestDueMs: 0 });
  metrics.observe({ reader: { backlog }, queue: { depth: async () => ({ waiting: 0, taken: 0 }) }, streamDepth });
  return metrics;
}

describe('The metrics of the message log', () => {
  it('count what went in, and repeats among all other repeats', async () => {
    const metrics = createMetrics();
    expect(await samples(metrics, 'stream_enqueue_total')).toEqual(['0']);
    metrics.count({ kind: 'message-accepted', outcome: 'created', path: 'queued' });
    metrics.count({ kind: 'message-accepted', outcome: 'created', path: 'direct' });
    metrics.count({ kind: 'message-accepted', outcome: 'repeat', path: 'queued' });
    metrics.count({ kind: 'message-accepted', outcome: 'conflict', path: 'queued' });
    expect(await samples(metrics, 'stream_enqueue_total')).toEqual(['1']);
    expect(await samples(metrics, 'idempotency_hit_total')).toEqual(['{operation="ingress"} 1']);
    expect(await samples(metrics, 'signalbox_accepted_total')).toEqual([
      '{workload="messages",outcome="created"} 2',
      '{workload="messages",outcome="repeat"} 1',
      '{workload="messages",outcome="conflict"} 1',
    ]);
  });

  it('count what came out, how long it took, and dead letters', async () => {
    const metrics = createMetrics();
    const handled = [
      { entry, result: 'success' },
      { entry, result: 'duplicate' },
      { entry, result: 'error', code: 'unreadable' },
    ] as const;
    metrics.count({ kind: 'messages-handled', handled, durationMs: 20, now: 1_250 });
    metrics.count({ kind: 'stream-buried', count: 2, entries: [entry, entry] });
    expect(await samples(metrics, 'stream_consumer_processed_total')).toEqual([
      '{status="success"} 1',
      '{status="duplicate"} 1',
      '{status="error"} 1',
    ]);
    expect(await samples(metrics, 'stream_dead_letter_total')).toEqual(['2']);
    expect(await samples(metrics, 'stream_processing_duration_seconds_sum')).toEqual(['0.04']);
    expect(await samples(metrics, 'stream_accept_to_stored_seconds_sum')).toEqual(['0.5']);
  });

  it('count what the log refused because the partition had passed on, and partitions that came and went', async () => {
    const metrics = createMetrics();
    metrics.count({ kind: 'stream-fenced', partition: 3, during: 'settle' });
    metrics.count({ kind: 'partition', partition: 3, state: 'lost' });
    metrics.count({ kind: 'partition', partition: 4, state: 'started' });
    expect(await samples(metrics, 'stream_fenced_total')).toEqual(['{during="read"} 0', '{during="settle"} 1']);
    expect(await samples(metrics, 'stream_partitions_total')).toEqual(['{state="started"} 1', '{state="stopped"} 0', '{state="lost"} 1']);
  });

  it('show the lag of each partition, by one question a scrape, and nothing while nobody answers', async () => {
    let asked = 0;
    let away = false;
    const metrics = watching(async () => {
      asked += 1;
      if (away) throw new Error('away');
      return [
        { partition: 0, length: 9, lag: 5, pending: 2, parked: 1, oldestMs: 1_500 },
        { partition: 1, length: 0, lag: 0, pending: 0, parked: 0, oldestMs: 0 },
      ];
    });
    const text = await metrics.text();
    expect(asked).toBe(1);
    for (const line of [
      'stream_partition_lag{partition="0"} 5',
      'stream_partition_lag{partition="1"} 0',
      'stream_partition_pending{partition="0"} 2',
      'stream_partition_parked{partition="0"} 1',
      'stream_partition_oldest_seconds{partition="0"} 1.5',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    away = true;
    expect(await samples(metrics, 'stream_partition_lag')).toEqual([]);
  });
});
