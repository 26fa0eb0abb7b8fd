import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import express, { type Express, type Request, type RequestHandler, type Router } from 'express';
import helmet from 'helmet';
import type { Ids } from '../ports/chance.js';
import type { Clock } from '../ports/clock.js';
import { jsonBody } from './body.js';
import type { Guards } from './guards.js';
import { notFound, type OnInternalError, problemHandler } from './problem.js';
import { correlationOf, requestId } from './request-id.js';

/** One finished request: what the access log and the HTTP metrics are made of. */
export interface Served {
  readonly method: string;
  /** The route's pattern, `unmatched` where there is none. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
  readonly requestId: string;
}

export interface ServerOptions {
  readonly ids: Ids;
  readonly clock: Clock;
  /** Whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[];
  /** What stands before the API and the pages, before and after it is known who calls. */
  readonly guards: Guards;
  /** Who may pass to which path of the API. */
  readonly access: Router;
  readonly onServed: (served: Served) => void;
  readonly onInternalError: OnInternalError;
  /** Outside the API, so neither limited nor read: health, metrics. */
  readonly open: readonly Router[];
  /** Routers that read bodies of their own way (the sink). */
  readonly mounted: readonly { readonly path: string; readonly router: Router }[];
  /** Pages for people: limited like the API, and read in their own way. */
  readonly pages: readonly { readonly path: string; readonly router: Router }[];
  /** The API itself, at each of its paths under `/api`, in order. */
  readonly api: readonly { readonly path: string; readonly router: Router }[];
}

/** The HTTP way in: what every request passes, in reading order. */
export function createServer(options: ServerOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  // Answers are small and never asked for conditionally; hashing each would cost more than it saves.
  app.disable('etag');
  app.set('query parser', 'simple');
  if (options.trustProxy.length > 0) app.set('trust proxy', [...options.trustProxy]);

  app.use(requestId(options.ids));
  app.use(served(options.clock, options.onServed));
  app.use(securityHeaders());
  for (const { path, router } of options.mounted) app.use(path, router);
  for (const guard of options.guards.outer) app.use(['/api', ...options.pages.map(({ path }) => path)], guard);
  for (const { path, router } of options.pages) app.use(path, ...options.guards.pages, router);
  app.use(options.access);
  for (const guard of options.guards.inner) app.use('/api', guard);
  app.use('/api', jsonBody);
  for (const { path, router } of options.api) app.use(path, router);
  for (const router of options.open) app.use(router);
  app.use(notFound);
  app.use(problemHandler(options.onInternalError));
  return app;
}

/** Helmet's headers are the same for every answer: worked out once, not by a dozen middlewares for each request. */
function securityHeaders(): RequestHandler {
  const sample = new ServerResponse(new IncomingMessage(new Socket()));
  helmet()(sample.req, sample, () => undefined);
  const headers = Object.entries(sample.getHeaders()).map(([name, value]) => [name, String(value)] as const);
  return (_request, response, next) => {
    for (const [name, value] of headers) response.setHeader(name, value);
    next();
  };
}

function served(clock: Clock, onServed: ServerOptions['onServed']): RequestHandler {
  return (request, response, next) => {
    const startedAt = clock.monotonic();
    response.once('finish', () => {
      onServed({
        method: request.method,
        route: routeOf(request),
        status: response.statusCode,
        durationMs: clock.monotonic() - startedAt,
        requestId: correlationOf(response).requestId,
      });
    });
    next();
  };
}

/** The pattern of the route that answered: a bounded set, unlike paths. */
function routeOf(request: Request): string {
  const path: unknown = request.route?.path;
  const pattern: unknown = Array.isArray(path) ? path[0] : path;
  if (typeof pattern !== 'string') return 'unmatched';
  return `${request.baseUrl}${pattern === '/' && request.baseUrl !== '' ? '' : pattern}`;
}
