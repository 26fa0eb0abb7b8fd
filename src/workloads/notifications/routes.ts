import { type Request, type Response, Router } from 'express';
import { SignalboxError } from '../../errors.js';
import { answer } from '../../ingress/answer.js';
import { decodeCursor, encodeCursor } from '../../ingress/cursor.js';
import { idempotencyKeyOf } from '../../ingress/idempotency.js';
import { identityOf } from '../../ingress/identity.js';
import { parse } from '../../ingress/problem.js';
import { correlationOf } from '../../ingress/request-id.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import type { Clock } from '../../ports/clock.js';
import type { PeopleStore } from '../../ports/people.js';
import type { RecordReader } from '../../ports/reader.js';
import type { WorkRecord } from '../../ports/record.js';
import type { Phones } from './phone.js';
import { listRequest, type NotificationRequest, notificationRequest, resolveRequest } from './schema.js';
import { channelProblems, needsContacts, needsPhone, type Prepared, type Sender, submissionOf } from './submission.js';
import { acceptedView, deliveryView, detailView, notificationView } from './view.js';
import { NOTIFICATIONS } from './workload.js';

interface Deps {
  readonly pipeline: Pipeline;
  readonly reader: RecordReader;
  readonly people: Pick<PeopleStore, 'get'>;
  readonly phones: Phones;
  readonly clock: Clock;
  /** The channels that there is a way for. */
  readonly channels: ReadonlySet<string>;
  /** Throws when the backlog is full or the server is going down: then nothing is accepted. */
  admit(): void;
}

/** The HTTP side of notifications, to be mounted at `/api/v1/notifications` and `/api/notifications`. */
export function notificationRoutes(deps: Deps): Router {
  const { pipeline, reader } = deps;
  const router = Router();

  const find = async (request: Request): Promise<WorkRecord> => {
    const id = request.params['id'];
    const record = typeof id === 'string' ? await reader.get({ tenant: identityOf(request).tenant, id }) : null;
    if (record === null || record.workload !== NOTIFICATIONS)
      throw new SignalboxError('not-found', 'There is no notification with this id');
    return record;
  };

  router.post('/', (request, response) => accept(deps, request, response));
  router.get('/', (request, response) => list(deps, request, response));

  router.get('/:id', async (request, response) => {
    const record = await find(request);
    response.json(detailView(record, await reader.history(record)));
  });

  router.get('/:id/deliveries', async (request, response) => {
    const record = await find(request);
    const { ledger } = await reader.history(record);
    response.json({ notificationId: record.id, data: record.deliveries.map((delivery) => deliveryView(delivery, ledger)) });
  });

  router.post('/:id/cancel', async (request, response) => {
    const record = await pipeline.cancel(await find(request), identityOf(request).principal);
    // 202: a worker holds it just now and cancels what it has not begun.
    response.status(record.dueAt === null ? 200 : 202).json(notificationView(record));
  });

  router.post('/:id/resolve', async (request, response) => {
    const { resolution, deliveryId, note } = parse(resolveRequest, request.body);
    const record = await pipeline.resolve(await find(request), {
      resolution,
      actor: identityOf(request).principal,
      ...(deliveryId === undefined ? {} : { deliveryId }),
      ...(note === undefined ? {} : { note }),
    });
    response.json(detailView(record, await reader.history(record)));
  });

  return router;
}

async function accept(deps: Deps, request: Request, response: Response): Promise<void> {
  deps.admit();
  const body = parse(notificationRequest, request.body);
  const key = idempotencyKeyOf(request, body.idempotencyKey);
  const sender = { ...identityOf(request), key, correlation: correlationOf(response) };
  const { submission, problems } = await prepare(deps, body, sender);
  const [first] = problems;
  // A repeat whose time has passed, or whose contact is gone, is still a repeat: only new work is measured by today.
  const known = first === undefined ? null : await deps.pipeline.accept.known(submission);
  if (first !== undefined && known === null) {
    throw new SignalboxError('invalid-request', `${first.pointer} ${first.detail}`, { fields: problems });
  }
  const { outcome, record } = known ?? (await deps.pipeline.accept(submission));
  if (outcome === 'conflict') {
    const pointer = body.idempotencyKey === undefined ? 'header: Idempotency-Key' : '/idempotencyKey';
    const fields = [{ pointer, detail: 'was used with another body' }];
    throw new SignalboxError('idempotency-conflict', 'This idempotency key was used before with another body', { fields });
  }
  const repeat = outcome === 'repeat';
  response.setHeader('Location', `/api/v1/notifications/${record.id}`);
  if (repeat) response.setHeader('Idempotency-Replayed', 'true');
  answer(response, repeat ? 200 : 202, acceptedView(record, repeat));
}

/** Looks up only what the request leaves open: most name every address. */
async function prepare({ people, phones, clock, channels }: Deps, body: NotificationRequest, sender: Sender): Promise<Prepared> {
  const person = needsContacts(body) ? await people.get({ tenant: sender.tenant, userId: body.userId }) : null;
  const readPhone = needsPhone(body) ? await phones() : null;
  const prepared = submissionOf(body, sender, { now: clock.now(), contacts: person?.contacts ?? null, readPhone });
  return { ...prepared, problems: [...channelProblems(body.channels, channels), ...prepared.problems] };
}

async function list({ reader }: Deps, request: Request, response: Response): Promise<void> {
  const { cursor, limit, status, userId } = parse(listRequest, request.query, 'query');
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  const records = await reader.list({
    tenant: identityOf(request).tenant,
    workload: NOTIFICATIONS,
    limit: limit + 1,
    ...(status === undefined ? {} : { status }),
    ...(userId === undefined ? {} : { userId }),
    ...(after === undefined ? {} : { after: { createdAt: after.at, id: after.id } }),
  });
  const page = records.slice(0, limit);
  const last = page.at(-1);
  const more = records.length > limit && last !== undefined;
  response.json({ data: page.map(notificationView), nextCursor: more ? encodeCursor(last.createdAt, last.id) : null });
}
