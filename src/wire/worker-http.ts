import type { Server } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import { Router } from 'express';
import { createSystemClock } from '../adapters/system/system-clock.js';
import { createSystemIds } from '../adapters/system/system-ids.js';
import { createServer } from '../ingress/server.js';
import { workerHealthRoutes } from '../ingress/worker-health.js';
import type { ProcessParts } from './parts.js';
import { healthOf } from './parts.js';

/** What a process without the API serves: how it is. */
export function createWorkerHttp(parts: ProcessParts): Server {
  const { config, log, counts, sink } = parts;
  const isRunning = (): boolean => config.enableStreamConsumers && config.roles.has('worker') && !parts.draining();
  const server = createServer({
    ids: createSystemIds(),
    clock: createSystemClock(),
    trustProxy: config.trustProxy,
    guards: { outer: [], inner: [], pages: [] },
    access: Router(),
    onServed: (served) => log.debug(served, 'request served'),
    onInternalError: (error, requestId) => log.error({ err: error, requestId }, 'internal error'),
    open: [workerHealthRoutes({ ...healthOf(parts), isRunning, counts })],
    mounted: sink === null ? [] : [{ path: '/sink', router: sink.router }],
    pages: [],
    api: [],
  });
  return createHttpServer(server);
}
