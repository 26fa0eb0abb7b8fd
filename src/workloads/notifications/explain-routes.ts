import { type Request, Router } from 'express';
import { z } from 'zod';
import { SignalboxError } from '../../errors.js';
import { decodeCursor, encodeCursor } from '../../ingress/cursor.js';
import { identityOf } from '../../ingress/identity.js';
import { invalid } from '../../ingress/problem.js';
import type { History, RecordReader } from '../../ports/reader.js';
import type { WorkRecord } from '../../ports/record.js';
import { name } from '../fields.js';
import { explainView, needsCalendar } from './explain.js';
import type { NextWindow } from './quiet-hours.js';
import { NOTIFICATIONS } from './workload.js';

/** `GET …/explain`. */
const explainRequest = z.strictObject({
  userId: name(128).optional(),
  since: z.iso
    .datetime({ offset: true, error: 'must be an ISO 8601 date and time with a time zone, e.g. 2026-12-01T09:00:00Z' })
    .optional(),
  cursor: z.string().max(512).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

/**
 * Why: of one notification, and of all that were accepted (for a user, since a moment), newest first. To be mounted before
 * the other routes of notifications, which would take `explain` for an id.
 */
export function explainRoutes(reader: Pick<RecordReader, 'get' | 'history' | 'list'>): Router {
  const router = Router();
  let calendar: NextWindow | undefined;

  const explain = async (record: WorkRecord, history: History) => {
    if (needsCalendar(history)) calendar ??= (await import('./quiet-hours.js')).createQuietCalendar();
    return explainView(record, history, calendar ?? null);
  };

  router.get('/explain', async (request, response) => {
    const { userId, since, cursor, limit } = queryOf(request);
    const after = cursor === undefined ? undefined : decodeCursor(cursor);
    const records = await reader.list({
      tenant: identityOf(request).tenant,
      workload: NOTIFICATIONS,
      limit: limit + 1,
      ...(userId === undefined ? {} : { userId }),
      ...(after === undefined ? {} : { after: { createdAt: after.at, id: after.id } }),
    });
    // Newest first: from the first that is older on, all are.
    const recent = records.filter((record) => since === undefined || record.createdAt >= Date.parse(since));
    const page = recent.slice(0, limit);
    const last = page.at(-1);
    const data = [];
    // One after the other: each takes the calendar some milliseconds, and whoever sends must get a turn in between.
    for (const record of page) data.push(await explain(record, await reader.history(record)));
    response.json({ data, nextCursor: recent.length > limit && last !== undefined ? encodeCursor(last.createdAt, last.id) : null });
  });

  router.get('/:id/explain', async (request, response) => {
    const { id } = request.params;
    const record = await reader.get({ tenant: identityOf(request).tenant, id });
    if (record === null || record.workload !== NOTIFICATIONS) {
      throw new SignalboxError('not-found', 'There is no notification with this id');
    }
    response.json(await explain(record, await reader.history(record)));
  });

  return router;
}

/** @throws SignalboxError `invalid-request` naming each field */
function queryOf(request: Request): z.output<typeof explainRequest> {
  const parsed = explainRequest.safeParse(request.query);
  if (!parsed.success) throw invalid(parsed.error, 'query');
  return parsed.data;
}
