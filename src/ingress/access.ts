import { type Request, type Response, Router } from 'express';
import { SignalboxError } from '../errors.js';
import type { Scope } from '../ports/keys.js';
import type { Authenticate } from './authenticate.js';
import { type Caller, identify } from './identity.js';
import { notFound } from './problem.js';

type Method = 'get' | 'post' | 'put' | 'delete';

/** What a route asks of its caller. */
export interface Access {
  readonly method: Method;
  /** As the route has it. */
  readonly path: string;
  readonly scope: Scope;
  /** The answer goes on for as long as the client stays: the caller is looked at again and again. */
  readonly lasting?: true;
}

function access(method: Method, scope: Scope, ...paths: readonly string[]): readonly Access[] {
  return paths.map((path) => ({ method, path, scope }));
}

/** At both of their paths. */
function notifications(method: Method, scope: Scope, ...paths: readonly string[]): readonly Access[] {
  return ['/api/v1/notifications', '/api/notifications'].flatMap((base) => access(method, scope, ...paths.map((path) => base + path)));
}

/**
 * Every route of the API and the scope that it needs. Read from the top, as the routes are; a path that is not here is not
 * there, whatever is mounted. The most frequent first.
 */
export const ACCESS: readonly Access[] = [
  ...notifications('post', 'send', '', '/batch', '/:id/cancel'),
  ...access('post', 'send', '/api/v1/messages', '/api/messages', '/api/v1/messages/:id/receipts', '/api/messages/:id/receipts'),
  ...access('get', 'read', '/api/v1/messages/:id', '/api/messages/:id', '/api/v1/messages/:id/receipts', '/api/messages/:id/receipts'),
  ...access('get', 'read', '/api/v1/conversations/:id/messages'),
  { method: 'get', path: '/api/v1/conversations/:id/stream', scope: 'read', lasting: true },
  ...notifications('post', 'desk', '/:id/resolve'),
  ...notifications('get', 'read', '', '/explain', '/batches/:id', '/:id', '/:id/deliveries', '/:id/explain'),
  ...access('get', 'read', '/api/v1/users/:userId/preferences', '/api/v1/users/:userId/inbox'),
  { method: 'get', path: '/api/v1/users/:userId/inbox/stream', scope: 'read', lasting: true },
  ...access('put', 'send', '/api/v1/users/:userId/preferences'),
  ...access('post', 'send', '/api/v1/users/:userId/inbox/read'),
  ...['dead-letters', 'held'].flatMap((list) => access('get', 'desk', `/api/v1/${list}`, `/api/v1/${list}/groups`, `/api/v1/${list}/:id`)),
  ...access('post', 'desk', '/api/v1/dead-letters/redrive', '/api/v1/dead-letters/discard', '/api/v1/dead-letters/:id/redrive'),
  ...access('delete', 'desk', '/api/v1/dead-letters/:id'),
  ...access('post', 'desk', '/api/v1/held/resolve', '/api/v1/held/:id/resolve'),
  ...access('get', 'desk', '/api/v1/desk/audit', '/api/v1/desk/operations/:id'),
  ...access('post', 'desk', '/api/v1/desk/operations/:id/cancel'),
  ...access('get', 'admin', '/api/v1/keys'),
  ...access('post', 'admin', '/api/v1/keys', '/api/v1/keys/:id/rotate'),
  ...access('delete', 'admin', '/api/v1/keys/:id'),
  ...access('get', 'operate', '/api/v1/fleet', '/api/v1/streams/:stream', '/api/v1/streams/:stream/partition'),
  ...['pause', 'resume', 'partitions'].flatMap((what) => access('post', 'operate', `/api/v1/streams/:stream/${what}`)),
  ...access('get', 'desk', '/api/v1/streams/:stream/parked'),
  ...access('post', 'desk', '/api/v1/streams/:stream/release'),
];

/** Keeps an eye on an answer that lasts. */
export type Attend = (request: Request, response: Response) => void;

/**
 * Asks who calls and whether they may, for every path of the table; past it there is nothing. Who the caller is is then known to
 * `identityOf`.
 */
export function accessRoutes(authenticate: Authenticate, attend: Attend): Router {
  const router = Router();
  for (const { method, path, scope, lasting } of ACCESS) {
    router[method](path, async (request, response, next) => {
      const caller = await authenticate(request);
      allow(caller, scope, response);
      identify(request, caller);
      if (lasting === true) attend(request, response);
      // Past the rest of the table, to the routes themselves.
      next('router');
    });
  }
  // Also what is not there is said to callers only: the paths that are there must not be found out by trying.
  router.use('/api', async (request, _response, next) => {
    identify(request, await authenticate(request));
    next();
  });
  router.use('/api', notFound);
  return router;
}

/** @throws SignalboxError `forbidden` */
function allow({ scopes }: Caller, scope: Scope, response: Response): void {
  if (scopes.has(scope)) return;
  response.setHeader('WWW-Authenticate', `Bearer realm="signalbox", error="insufficient_scope", scope="${scope}"`);
  throw new SignalboxError('forbidden', `This needs the scope ${scope}`);
}
