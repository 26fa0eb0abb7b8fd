import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type RequestHandler, Router } from 'express';
import { SignalboxError } from '../errors.js';
import type { WakeUpQueue } from '../ports/queue.js';
import type { RecordReader } from '../ports/reader.js';

interface Deps {
  readonly service: { readonly name: string; readonly version: string };
  readonly worker: string;
  readonly reader: RecordReader;
  readonly queue: WakeUpQueue;
  /** Rejects when the store does not answer. */
  readonly probe: () => Promise<void>;
  /** True from the moment the server has begun to shut down. */
  readonly draining: () => boolean;
  readonly metrics: { text(): Promise<string>; json(): Promise<unknown>; readonly contentType: string };
  readonly metricsToken: string | null;
}

/** `/`, `/health`, `/livez`, `/readyz`, `/metrics`, `/resources`: what balancers, probes, Prometheus and people look at. */
export function healthRoutes(deps: Deps): Router {
  const router = Router();

  router.get('/', (_request, response) => {
    const links = {
      health: '/health',
      metrics: '/metrics',
      notifications: '/api/v1/notifications',
      deadLetters: '/api/v1/dead-letters',
      held: '/api/v1/held',
    };
    response.json({ ...deps.service, links });
  });

  router.get('/health', async (_request, response) => {
    const [database, messageQueue] = await Promise.all([reachable(deps.probe()), reachable(deps.queue.depth())]);
    const healthy = database && messageQueue && !deps.draining();
    response.status(healthy ? 200 : 503).json({
      status: healthy ? 'healthy' : deps.draining() ? 'draining' : 'unhealthy',
      database: database ? 'connected' : 'disconnected',
      redis: 'embedded',
      messageQueue: messageQueue ? 'connected' : 'disconnected',
    });
  });

  const live: RequestHandler = (_request, response) => {
    response.json({ status: 'live' });
  };
  const ready: RequestHandler = async (_request, response) => {
    const ok = !deps.draining() && (await reachable(deps.probe()));
    response.status(ok ? 200 : 503).json({ status: ok ? 'ready' : deps.draining() ? 'draining' : 'not ready' });
  };
  router.get(['/livez', '/health/live'], live);
  router.get(['/readyz', '/health/ready'], ready);

  const guard: RequestHandler = (request, _response, next) => {
    const allowed = deps.metricsToken === null || request.get('Authorization') === `Bearer ${deps.metricsToken}`;
    next(allowed ? undefined : new SignalboxError('unauthorized', 'The metrics need their token as Authorization: Bearer'));
  };
  router.get('/metrics', guard, async (request, response) => {
    // Prometheus sends Accept with text/plain; a browser or curl without a wish gets text as well.
    if (request.accepts(['text/plain', 'application/json']) === 'application/json') response.json(await deps.metrics.json());
    else response.type(deps.metrics.contentType).send(await deps.metrics.text());
  });
  router.get('/metrics/prometheus', guard, async (_request, response) => {
    response.type(deps.metrics.contentType).send(await deps.metrics.text());
  });

  router.get('/resources', resources(deps));
  return router;
}

async function reachable(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => true,
    () => false,
  );
}

/** CPU, memory, store and queue of this process, as JSON. Bytes, milliseconds, and CPU in percent of one core since the last call. */
function resources(deps: Deps): RequestHandler {
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
    const [{ waiting, taken }, backlog] = await Promise.all([deps.queue.depth(), deps.reader.backlog()]);
    response.json({
      worker: deps.worker,
      uptimeSeconds: Math.round(process.uptime()),
      cpu: { percent: Math.round(((used.user + used.system) / Math.max(1, elapsedUs)) * 1000) / 10 },
      memory: { rssBytes: rss, heapUsedBytes: heapUsed, heapTotalBytes: heapTotal, externalBytes: external },
      eventLoop: { lagP50Ms: lag.percentile(50) / 1e6, lagP99Ms: lag.percentile(99) / 1e6 },
      database: { driver: 'embedded', connections: 1 },
      queue: { depth: waiting, unacked: taken, consumers: 1, open: backlog.open, oldestDueMs: backlog.oldestDueMs },
    });
  };
}
