import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { RequestHandler } from 'express';
import type { Timers } from '../ports/clock.js';
import type { WakeUpQueue } from '../ports/queue.js';
import type { RecordReader } from '../ports/reader.js';
import { inTime } from './probes.js';

/** What `/resources` tells of. */
export interface ResourceSources {
  readonly worker: string;
  readonly kind: 'embedded' | 'cluster';
  readonly reader: Pick<RecordReader, 'backlog'>;
  readonly queue: Pick<WakeUpQueue, 'depth'>;
  /** Processes that take from the queue. */
  readonly consumers: () => number;
  /** Of this process to the store. */
  readonly connections: () => { readonly open: number; readonly inUse: number; readonly limit: number };
  readonly timers: Timers;
}

/**
 * CPU, memory, store and queue of this process, as JSON. Bytes, milliseconds, and CPU in percent of one core since the
 * last call. What the store or the queue does not say in time is null.
 */
export function resources(sources: ResourceSources): RequestHandler {
  const { worker, kind, reader, queue, consumers, connections, timers } = sources;
  const lag = monitorEventLoopDelay({ resolution: 20 });
  lag.enable();
  let cpu = process.cpuUsage();
  let since = process.hrtime.bigint();
  return async (_request, response) => {
    const used = process.cpuUsage(cpu);
    const now = process.hrtime.bigint();
    const elapsedUs = Number(now - since) / 1000;
    cpu = process.cpuUsage();
    since = now;
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
    const [depth, backlog] = await Promise.all([inTime(() => queue.depth(), timers), inTime(() => reader.backlog(), timers)]);
    response.json({
      worker,
      uptimeSeconds: Math.round(process.uptime()),
      cpu: { percent: Math.round(((used.user + used.system) / Math.max(1, elapsedUs)) * 1000) / 10 },
      memory: { rssBytes: rss, heapUsedBytes: heapUsed, heapTotalBytes: heapTotal, externalBytes: external },
      eventLoop: { lagP50Ms: lag.percentile(50) / 1e6, lagP99Ms: lag.percentile(99) / 1e6 },
      database: { driver: kind === 'embedded' ? 'embedded' : 'mongodb', ...connections() },
      queue: {
        depth: depth?.[0].waiting ?? null,
        unacked: depth?.[0].taken ?? null,
        consumers: consumers(),
        open: backlog?.[0].open ?? null,
        oldestDueMs: backlog?.[0].oldestDueMs ?? null,
      },
    });
  };
}
