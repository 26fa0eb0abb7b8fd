import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { SignalboxError } from '../errors.js';
import type { Amended, DeskActions } from '../pipeline/amend.js';
import type { DeskReader } from '../ports/desk.js';
import type { DeliveryRow, RecordReader } from '../ports/reader.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import { deskFilterFields, remark, resolution, toDeliveryFilter } from './desk-filter.js';
import { auditView, fullView, groupView, rowView } from './desk-view.js';
import { identityOf } from './identity.js';
import { parse } from './problem.js';

const limit = z.coerce.number().int().min(1).max(100).default(20);
const cursor = z.string().max(512).optional();

const listQuery = z.strictObject({ ...deskFilterFields, cursor, limit });
const groupsQuery = z.strictObject({ ...deskFilterFields, limit });
const auditQuery = z.strictObject({
  action: z
    .string()
    .regex(/^[a-z-]{1,32}$/, 'must be an action such as redriven, discarded or resolved')
    .optional(),
  actor: z.string().min(1).max(128).optional(),
  since: deskFilterFields.since,
  cursor,
  limit,
});
const redriveBody = z.strictObject({ note: remark.optional() });
const resolveBody = z.strictObject({ resolution, note: remark.optional() });
const discardQuery = z.strictObject({ reason: remark });

interface Deps {
  readonly reader: RecordReader;
  readonly desk: DeskReader;
  readonly actions: DeskActions;
  /** Throws when the server is going down, or has more to do than it can take. */
  admit(): void;
}

const PLACES = [
  ['/dead-letters', 'dead'],
  ['/held', 'held'],
] as const;

/** What waits for a person, of every workload, and what they can do about one of it: to be mounted at `/api/v1`. */
export function deskRoutes(deps: Deps): Router {
  const { reader, desk, actions } = deps;
  const router = Router();
  for (const [path, status] of PLACES) {
    router.get(path, (request, response) => list(reader, status, request, response));

    router.get(`${path}/groups`, async (request, response) => {
      const { limit: most, ...filter } = parse(groupsQuery, request.query, 'query');
      const groups = await desk.groups(toDeliveryFilter(identityOf(request).tenant, status, filter), most);
      response.json({ data: groups.map(groupView) });
    });

    router.get(`${path}/:id`, async (request, response) => {
      const row = await find(reader, request);
      if (row.delivery.status !== status) throw new SignalboxError('not-found', `This delivery is ${row.delivery.status}, not ${status}`);
      response.json(fullView(row, await reader.history(row.record)));
    });
  }

  router.post('/dead-letters/:id/redrive', async (request, response) => {
    deps.admit();
    const { note } = parse(redriveBody, request.body ?? {});
    const { record, delivery } = await find(reader, request);
    const wish = { deliveryId: delivery.id, actor: identityOf(request).principal, ...(note === undefined ? {} : { note }) };
    response.status(202).json(amendedView(delivery.id, await actions.redrive(record, wish)));
  });

  router.delete('/dead-letters/:id', async (request, response) => {
    const { reason } = parse(discardQuery, request.query, 'query');
    const { record, delivery } = await find(reader, request);
    const wish = { deliveryId: delivery.id, actor: identityOf(request).principal, reason };
    response.json(amendedView(delivery.id, await actions.discard(record, wish)));
  });

  router.post('/held/:id/resolve', async (request, response) => {
    const { resolution: answer, note } = parse(resolveBody, request.body ?? {});
    const { record, delivery } = await find(reader, request);
    const actor = identityOf(request).principal;
    const wish = { deliveryId: delivery.id, actor, resolution: answer, ...(note === undefined ? {} : { note }) };
    response.json(amendedView(delivery.id, await actions.resolveHeld(record, wish)));
  });

  router.get('/desk/audit', (request, response) => audit(desk, request, response));
  return router;
}

async function list(reader: RecordReader, status: 'dead' | 'held', request: Request, response: Response): Promise<void> {
  const { cursor: place, limit: most, ...filter } = parse(listQuery, request.query, 'query');
  const after = place === undefined ? undefined : decodeCursor(place);
  const rows = await reader.listDeliveries({
    ...toDeliveryFilter(identityOf(request).tenant, status, filter),
    limit: most + 1,
    ...(after === undefined ? {} : { after: { settledAt: after.at, id: after.id } }),
  });
  const page = rows.slice(0, most);
  const last = page.at(-1);
  const more = rows.length > most && last !== undefined;
  response.json({ data: page.map(rowView), nextCursor: more ? encodeCursor(last.delivery.settledAt ?? 0, last.delivery.id) : null });
}

async function audit(desk: DeskReader, request: Request, response: Response): Promise<void> {
  const { action, actor, since, cursor: place, limit: most } = parse(auditQuery, request.query, 'query');
  const after = place === undefined ? undefined : decodeCursor(place);
  const entries = await desk.audit({
    tenant: identityOf(request).tenant,
    limit: most + 1,
    ...(action === undefined ? {} : { action }),
    ...(actor === undefined ? {} : { actor }),
    ...(since === undefined ? {} : { since }),
    ...(after === undefined ? {} : { after }),
  });
  const page = entries.slice(0, most);
  const last = page.at(-1);
  const more = entries.length > most && last !== undefined;
  response.json({ data: page.map(auditView), nextCursor: more ? encodeCursor(last.event.at, last.id) : null });
}

async function find(reader: RecordReader, request: Request): Promise<DeliveryRow> {
  const id = request.params['id'];
  const row = typeof id === 'string' ? await reader.delivery(identityOf(request).tenant, id) : null;
  if (row === null) throw new SignalboxError('not-found', 'There is no delivery with this id');
  return row;
}

function amendedView(deliveryId: string, { record, changed }: Amended) {
  const delivery = record.deliveries.find((each) => each.id === deliveryId);
  if (delivery === undefined) throw new Error('an amended delivery is not among its record’s');
  return { ...rowView({ record, delivery }), changed };
}
