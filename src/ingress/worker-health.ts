import type { Router } from 'express';
import { type HealthDeps, watchRoutes } from './health.js';

interface WorkerHealthDeps extends HealthDeps {
  /** Whether it takes up work. */
  readonly isRunning: () => boolean;
  /** Deliveries that came to rest in its hands, and those of them that failed, since it started. */
  readonly counts: { readonly processed: number; readonly failed: number };
}

/** `/`, `/health`, `/livez`, `/readyz`, `/metrics` and `/resources` of a process that serves no API. */
export function workerHealthRoutes(deps: WorkerHealthDeps): Router {
  const links = { health: '/health', metrics: '/metrics', resources: '/resources' };
  return watchRoutes(deps, links, ({ database, redis, messageQueue }) => ({
    worker: {
      workerId: deps.worker,
      isRunning: deps.isRunning(),
      processedCount: deps.counts.processed,
      failedCount: deps.counts.failed,
      successRate: successRate(deps.counts),
    },
    database: { connected: database },
    // null: there is none.
    redis: { connected: redis },
    messageQueue: { connected: messageQueue },
  }));
}

/** In percent, to two digits; 100 when nothing was processed. */
function successRate({ processed, failed }: WorkerHealthDeps['counts']): number {
  return processed === 0 ? 100 : Math.round(((processed - failed) / processed) * 10_000) / 100;
}
