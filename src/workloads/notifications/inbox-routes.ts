import { type Request, type Response, Router } from 'express';
import { SignalboxError } from '../../errors.js';
import { decodeCursor, encodeCursor } from '../../ingress/cursor.js';
import { beginStream, lastEventOf } from '../../ingress/event-stream.js';
import { identityOf } from '../../ingress/identity.js';
import { parse } from '../../ingress/problem.js';
import type { InboxItem, InboxKey, InboxStore } from '../../ports/inbox.js';
import { inboxQuery, readRequest, streamQuery } from './inbox-schema.js';
import type { InboxStreams } from './inbox-streams.js';
import { userName } from './people-schema.js';

interface Deps {
  readonly inbox: InboxStore;
  readonly streams: InboxStreams;
}

/** Tells cursors of inboxes from those of other lists. */
const CURSOR_OF = 'inbox';

/** The inbox over HTTP, to be mounted at `/api/v1/users`. */
export function inboxRoutes(deps: Deps): Router {
  const { inbox } = deps;
  const router = Router();

  router.get('/:userId/inbox', async (request, response) => {
    const key = keyOf(request);
    const { unread, cursor, limit } = parse(inboxQuery, request.query, 'query');
    const before = cursor === undefined ? undefined : seqIn(cursor);
    const items = await inbox.list({ ...key, limit: limit + 1, unreadOnly: unread, ...(before === undefined ? {} : { before }) });
    const page = items.slice(0, limit);
    const last = page.at(-1);
    const nextCursor = items.length > limit && last !== undefined ? encodeCursor(last.seq, CURSOR_OF) : null;
    response.json({ data: page.map(itemView), unread: await inbox.unread(key), nextCursor });
  });

  router.post('/:userId/inbox/read', async (request, response) => {
    const key = keyOf(request);
    const { seqs, upTo, read } = parse(readRequest, request.body);
    // The schema has made sure that there is one of the two.
    const changed = await inbox.mark(key, seqs === undefined ? { upTo: upTo ?? 0 } : { seqs }, read);
    response.json({ changed, unread: await inbox.unread(key) });
  });

  router.get('/:userId/inbox/stream', (request, response) => stream(deps, request, response));

  return router;
}

/**
 * Server-sent events. A client that names the last event it has seen gets everything after it; one that names none gets
 * what is new from now on, and is told at once where that is, so that it has a place to resume from before the first event.
 */
async function stream({ inbox, streams }: Deps, request: Request, response: Response): Promise<void> {
  const key = keyOf(request);
  const { lastEventId } = parse(streamQuery, request.query, 'query');
  const named = lastEventOf(request, lastEventId, (text) => /^\d{1,15}$/.test(text));
  streams.admit(key);
  const [newest] = await inbox.list({ ...key, limit: 1 });
  const last = newest?.seq ?? 0;
  const seen = named === null ? last : Number(named);
  // A number that this inbox has not given out yet is of another life of it (a restored backup, say): all of it is new then.
  beginStream(streams, key, seen > last ? 0 : seen, itemView, response, request.method);
}

/** @throws SignalboxError `invalid-request` where it is a cursor of another list: its place means nothing here */
function seqIn(cursor: string): number {
  const { at, id } = decodeCursor(cursor);
  if (id === CURSOR_OF && Number.isSafeInteger(at)) return at;
  throw new SignalboxError('invalid-request', '?cursor is not one that this list gave out', {
    fields: [{ pointer: '?cursor', detail: 'must be a nextCursor of this list' }],
  });
}

function itemView(item: InboxItem) {
  return {
    itemId: item.operationId,
    seq: item.seq,
    notificationId: item.notificationId,
    category: item.category,
    subject: item.subject,
    body: item.body,
    data: item.data,
    createdAt: new Date(item.createdAt).toISOString(),
    readAt: item.readAt === null ? null : new Date(item.readAt).toISOString(),
  };
}

/** @throws SignalboxError `invalid-request` where the path names nobody */
function keyOf(request: Request): InboxKey {
  const userId = userName.safeParse(request.params['userId']);
  if (userId.success) return { tenant: identityOf(request).tenant, userId: userId.data };
  const detail = userId.error.issues[0]?.message ?? 'is no user id';
  throw new SignalboxError('invalid-request', `The user id ${detail}`, { fields: [{ pointer: 'path: userId', detail }] });
}
