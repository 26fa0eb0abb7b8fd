import { randomBytes } from 'node:crypto';
import { createServer as createHttpServer, type Server } from 'node:http';
import type { Router } from 'express';
import { createSystemClock } from '../adapters/system/system-clock.js';
import { createSystemIds } from '../adapters/system/system-ids.js';
import type { Admission } from '../ingress/admission.js';
import { deskRoutes } from '../ingress/desk.js';
import { fleetRoutes } from '../ingress/fleet-routes.js';
import type { Guards } from '../ingress/guards.js';
import { healthRoutes } from '../ingress/health.js';
import { keyRoutes } from '../ingress/key-routes.js';
import { createServer } from '../ingress/server.js';
import { streamRoutes } from '../ingress/stream-routes.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import type { WholeDesk } from '../pipeline/stream-dead-letters.js';
import type { Channel } from '../ports/channel.js';
import { deskOperationRoutes } from '../workloads/desk/routes.js';
import { conversationRoutes } from '../workloads/messages/conversation-routes.js';
import { messageRoutes } from '../workloads/messages/routes.js';
import { batchRoutes } from '../workloads/notifications/batch-routes.js';
import { explainRoutes } from '../workloads/notifications/explain-routes.js';
import { inboxRoutes } from '../workloads/notifications/inbox-routes.js';
import type { InboxStreams } from '../workloads/notifications/inbox-streams.js';
import { peopleRoutes } from '../workloads/notifications/people-routes.js';
import { createPhones } from '../workloads/notifications/phone.js';
import { notificationRoutes } from '../workloads/notifications/routes.js';
import type { UnsubscribeLinks } from '../workloads/notifications/unsubscribe.js';
import { unsubscribeRoutes } from '../workloads/notifications/unsubscribe-routes.js';
import type { IdentityParts } from './identity.js';
import type { Messages } from './messages.js';
import { healthOf, type ProcessParts } from './parts.js';

export interface ApiParts extends ProcessParts {
  readonly admission: Admission;
  readonly pipeline: Pipeline;
  readonly whole: WholeDesk;
  readonly links: UnsubscribeLinks;
  readonly streams: InboxStreams;
  readonly channels: readonly Channel[];
  readonly guards: Guards;
  readonly identity: IdentityParts;
  readonly messageParts: Messages;
}

/** Everything that is served over HTTP, and where. */
export function createApi(parts: ApiParts): Server {
  const { config, log, reader, people, metrics, admission, pipeline, sink, links, guards, whole } = parts;
  const clock = createSystemClock();
  const health = healthRoutes(healthOf(parts));
  const { criticalCategories } = config;
  const phones = createPhones(config.phoneDefaultRegion);
  const channels = new Set(parts.channels.map((channel) => channel.name));
  const accepting = { pipeline, reader, people, phones, clock, channels, admit: admission.admit };
  const notifications = notificationRoutes(accepting);
  const batches = batchRoutes(accepting);
  const explanations = explainRoutes(reader);
  const server = createServer({
    ids: createSystemIds(),
    clock,
    trustProxy: config.trustProxy,
    guards,
    access: parts.identity.access,
    onServed(served) {
      metrics.http(served.method, served.route, served.status, served.durationMs / 1000);
      log.debug(served, 'request served');
    },
    onInternalError: (error, requestId) => log.error({ err: error, requestId }, 'internal error'),
    open: [health],
    mounted: sink === null ? [] : [{ path: '/sink', router: sink.router }],
    pages: [{ path: '/unsubscribe', router: unsubscribeRoutes({ links, people, pipeline, criticalCategories }) }],
    api: [
      ...messageMounts(parts),
      { path: '/api/v1/users', router: peopleRoutes({ people, pipeline, phones, criticalCategories }) },
      { path: '/api/v1/users', router: inboxRoutes({ inbox: parts.inbox, streams: parts.streams }) },
      { path: '/api/v1/notifications', router: batches },
      { path: '/api/notifications', router: batches },
      { path: '/api/v1/notifications', router: explanations },
      { path: '/api/notifications', router: explanations },
      { path: '/api/v1/notifications', router: notifications },
      { path: '/api/notifications', router: notifications },
      {
        path: '/api/v1',
        router: keyRoutes({
          keys: parts.keys,
          ring: parts.identity.ring,
          randomBytes,
          onKey: (event) => log.info(event, `API key ${event.event}`),
        }),
      },
      { path: '/api/v1', router: fleetRoutes({ members: () => parts.presence.members(), duties: parts.duties }) },
      { path: '/api/v1', router: deskOperationRoutes({ ...whole, pipeline, clock, admit: admission.admit }) },
      { path: '/api/v1', router: deskRoutes({ ...whole, admit: admission.admit }) },
    ],
  });
  const http = createHttpServer(server);
  // Slow senders are cut off: a request's header within 10 s, all of it within 30 s.
  http.headersTimeout = 10_000;
  http.requestTimeout = 30_000;
  // Longer than balancers keep idle connections (nginx: 60 s), so that it is they who end them and no request meets a closing socket.
  http.keepAliveTimeout = 75_000;
  return http;
}

/** Where there is no log, nothing is in it and nothing came of it. */
function messageMounts({ messageParts, messages, stream }: ApiParts): readonly { readonly path: string; readonly router: Router }[] {
  const nobody = { get: () => Promise.resolve(null), find: () => Promise.resolve(null) };
  const { accept, admission, conversations, received } = messageParts;
  const { log = nobody, desk = nobody } = stream ?? {};
  const router = messageRoutes({ accept, messages, log, desk, received, admit: admission.admit });
  return [
    { path: '/api/v1/messages', router },
    { path: '/api/messages', router },
    { path: '/api/v1/conversations', router: conversationRoutes({ messages, streams: conversations }) },
    { path: '/api/v1', router: streamRoutes({ streams: new Map([['messages', stream]]) }) },
  ];
}
