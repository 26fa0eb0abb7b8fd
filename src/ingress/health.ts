import { type RequestHandler, Router } from 'express';
import type { Clock } from '../ports/clock.js';
import { operatorsOnly } from './inner.js';
import { type Answering, createLook, type Look, type Probes } from './probes.js';
import { type ResourceSources, resources } from './resources.js';

/** What the routes for balancers, probes, Prometheus and people look at. */
export interface HealthDeps extends ResourceSources {
  readonly service: { readonly name: string; readonly version: string };
  readonly probes: Probes;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** True from the moment the process has begun to shut down. */
  readonly draining: () => boolean;
  readonly metrics: { text(): Promise<string>; json(): Promise<unknown>; readonly contentType: string };
  readonly metricsToken: string | null;
}

/** `/`, `/health`, `/livez`, `/readyz`, `/metrics` and `/resources` of a process that serves the API. */
export function healthRoutes(deps: HealthDeps): Router {
  const links = {
    health: '/health',
    metrics: '/metrics',
    notifications: '/api/v1/notifications',
    deadLetters: '/api/v1/dead-letters',
    held: '/api/v1/held',
    fleet: '/api/v1/fleet',
  };
  return watchRoutes(deps, links, ({ database, redis, messageQueue }) => ({
    database: connected(database),
    redis: redis === null ? (deps.kind === 'embedded' ? 'embedded' : 'not configured') : connected(redis),
    messageQueue: connected(messageQueue),
  }));
}

/**
 * The same paths for any process. Its health is 200 `healthy` while all that it stands on answers, else 503; `body`
 * says the rest of it.
 */
export function watchRoutes(deps: HealthDeps, links: Readonly<Record<string, string>>, body: (answering: Answering) => object): Router {
  const router = Router();
  const look = createLook(deps.probes, deps);
  router.get('/', (_request, response) => {
    response.json({ ...deps.service, links });
  });
  router.get('/health', async (_request, response) => {
    const answering = await look.all();
    const healthy = answering.database && answering.messageQueue && answering.redis !== false;
    const status = deps.draining() ? 'draining' : healthy ? 'healthy' : 'unhealthy';
    response.status(status === 'healthy' ? 200 : 503).json({ status, ...body(answering) });
  });
  router.get(['/livez', '/health/live'], (_request, response) => {
    response.json({ status: 'live' });
  });
  router.get(['/readyz', '/health/ready'], ready(look, deps.draining));
  metricsRoutes(router, deps);
  router.get('/resources', operatorsOnly(deps.metricsToken, true), resources(deps));
  return router;
}

function connected(answers: boolean): 'connected' | 'disconnected' {
  return answers ? 'connected' : 'disconnected';
}

/** Without the store nothing can be promised. Without the broker it can: what is accepted waits in the store. */
function ready(look: Look, draining: () => boolean): RequestHandler {
  return async (_request, response) => {
    const ok = !draining() && (await look.database());
    response.status(ok ? 200 : 503).json({ status: ok ? 'ready' : draining() ? 'draining' : 'not ready' });
  };
}

function metricsRoutes(router: Router, { metrics, metricsToken }: HealthDeps): void {
  // Where there is a token, nobody scrapes without it.
  const guard = operatorsOnly(metricsToken, metricsToken === null);
  router.get('/metrics', guard, async (request, response) => {
    // Prometheus sends Accept with text/plain; a browser or curl without a wish gets text as well.
    if (request.accepts(['text/plain', 'application/json']) === 'application/json') response.json(await metrics.json());
    else response.type(metrics.contentType).send(await metrics.text());
  });
  router.get('/metrics/prometheus', guard, async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.text());
  });
}
