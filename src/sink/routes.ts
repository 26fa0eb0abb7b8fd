import express, { type Request, type Response, type Router } from 'express';
import { z } from 'zod';
import { behaviourSchema, SINK_CHANNELS } from './behaviour.js';
import { sinkPage } from './page.js';
import { problemOf, sendInvalid, sendProblem } from './problem.js';
import { MESSAGE_CHANNELS, messageReceiver } from './receive-message.js';
import { webhookReceiver } from './receive-webhook.js';
import type { ListQuery, Sink } from './sink.js';

const name = z.string().min(1).max(500);

const listSchema = z.strictObject({
  channel: z.enum(SINK_CHANNELS).optional(),
  operationId: z.string().min(1).max(500).optional(),
  /** Milliseconds since the epoch, or ISO 8601. */
  since: z
    .union([
      z
        .string()
        .regex(/^\d{1,16}$/)
        .transform(Number),
      z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
    ])
    .optional(),
});

const resetSchema = z.strictObject({ channel: z.enum(SINK_CHANNELS).optional(), name: name.optional() });

/**
 * The sink over HTTP, to be mounted at `/sink`; before any body parser, since a webhook's signature is over its bytes.
 * For development: it has no sign-in, and shows what was sent to whom.
 */
export function sinkRouter(sink: Sink): Router {
  const router = express.Router();
  const receive = webhookReceiver(sink);
  router.post(['/webhook', '/webhook/:name'], (request: Request<{ name?: string }>, response: Response) =>
    receive(request, response, request.params.name ?? 'webhook'),
  );
  for (const channel of MESSAGE_CHANNELS) router.post(`/${channel}`, messageReceiver(sink, channel));

  router.get('/', (request, response) => {
    if (request.accepts(['html', 'json']) === 'json') return list(sink, request, response);
    response.type('html').send(sinkPage(sink.list(), sink.behaviours.state()));
  });
  router.get('/deliveries', (request, response) => list(sink, request, response));
  router.get('/address', (_request, response) => {
    response.json({ address: sink.address });
  });
  router.delete('/', (_request, response) => {
    sink.clear();
    response.status(204).end();
  });

  router.get('/behaviour', (_request, response) => {
    response.json({ scripts: sink.behaviours.state() });
  });
  router.put('/behaviour', express.json({ limit: '256kb' }), (request, response) => {
    // The parser leaves alone what does not say that it is JSON.
    if (request.body === undefined)
      return sendProblem(response, 'unsupported-media-type', 'The body must be JSON, sent as application/json');
    const parsed = behaviourSchema.safeParse(request.body);
    if (!parsed.success) return sendInvalid(response, parsed.error, 'body');
    sink.behaviours.set(parsed.data);
    response.json({ scripts: sink.behaviours.state() });
  });
  router.delete('/behaviour', (request, response) => {
    const parsed = resetSchema.safeParse(request.query);
    if (!parsed.success) return sendInvalid(response, parsed.error, 'query');
    sink.behaviours.reset(parsed.data.channel, parsed.data.name);
    // Whoever resets wants things to go on, not to wait for connections that nobody will ever answer.
    sink.letGo();
    response.status(204).end();
  });
  router.use(problemOf);
  return router;
}

function list(sink: Sink, request: Request, response: Response): void {
  const parsed = listSchema.safeParse(request.query);
  if (parsed.success) response.json(sink.list(parsed.data as ListQuery));
  else sendInvalid(response, parsed.error, 'query');
}
