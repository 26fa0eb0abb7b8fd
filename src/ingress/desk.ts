import { type Request, Router } from 'express';
import { z } from 'zod';
import { SignalboxError } from '../errors.js';
import type { DeliveryRow, RecordReader } from '../ports/reader.js';
import type { LedgerEntry } from '../ports/record.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import { identityOf } from './identity.js';
import { invalid } from './problem.js';

const query = z.strictObject({
  workload: z
    .string()
    .regex(/^[a-z]{1,32}$/, 'must be the name of a workload')
    .optional(),
  cursor: z.string().max(512).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

/** What waits for a person, of every workload: `/dead-letters` and `/held`, to be mounted at `/api/v1`. */
export function deskRoutes(reader: RecordReader): Router {
  const router = Router();
  for (const [path, status] of [
    ['/dead-letters', 'dead'],
    ['/held', 'held'],
  ] as const) {
    router.get(path, async (request, response) => {
      const parsed = query.safeParse(request.query);
      if (!parsed.success) throw invalid(parsed.error, 'query');
      const { workload, cursor, limit } = parsed.data;
      const after = cursor === undefined ? undefined : decodeCursor(cursor);
      const rows = await reader.listDeliveries({
        tenant: identityOf(request).tenant,
        status,
        limit: limit + 1,
        ...(workload === undefined ? {} : { workload }),
        ...(after === undefined ? {} : { after: { settledAt: after.at, id: after.id } }),
      });
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const more = rows.length > limit && last !== undefined;
      response.json({ data: page.map(rowView), nextCursor: more ? encodeCursor(last.delivery.settledAt ?? 0, last.delivery.id) : null });
    });

    router.get(`${path}/:id`, async (request, response) => {
      const row = await find(reader, request);
      if (row.delivery.status !== status) throw new SignalboxError('not-found', `This delivery is ${row.delivery.status}, not ${status}`);
      const { ledger } = await reader.history(row.record);
      response.json({ ...rowView(row), ledger: ledger.filter((entry) => entry.deliveryId === row.delivery.id).map(entryView) });
    });
  }
  return router;
}

async function find(reader: RecordReader, request: Request): Promise<DeliveryRow> {
  const id = request.params.id;
  const row = typeof id === 'string' ? await reader.delivery(identityOf(request).tenant, id) : null;
  if (row === null) throw new SignalboxError('not-found', 'There is no delivery with this id');
  return row;
}

function rowView({ record, delivery }: DeliveryRow) {
  return {
    deliveryId: delivery.id,
    workload: record.workload,
    recordId: record.id,
    userId: record.userId,
    channel: delivery.channel,
    recipient: delivery.recipient,
    status: delivery.status,
    reason: delivery.reason,
    failure: delivery.failure,
    fingerprint: delivery.fingerprint,
    attempts: delivery.attempts,
    operationId: delivery.operationId,
    acceptedAt: new Date(record.createdAt).toISOString(),
    settledAt: delivery.settledAt === null ? null : new Date(delivery.settledAt).toISOString(),
    requestId: record.correlation.requestId,
  };
}

function entryView(entry: LedgerEntry) {
  return { ...entry, at: new Date(entry.at).toISOString() };
}
