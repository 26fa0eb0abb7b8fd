import { type Request, type Response, Router } from 'express';
import { SignalboxError } from '../../errors.js';
import { decodeCursor, encodeCursor } from '../../ingress/cursor.js';
import { beginStream, lastEventOf } from '../../ingress/event-stream.js';
import { identityOf } from '../../ingress/identity.js';
import { parse } from '../../ingress/problem.js';
import type { ConversationKey, MessageStore } from '../../ports/messages.js';
import type { ConversationStreams } from './conversation-streams.js';
import { conversationName, historyQuery, streamQuery } from './schema.js';
import { messageView } from './view.js';

interface Deps {
  readonly messages: Pick<MessageStore, 'history'>;
  readonly streams: ConversationStreams;
}

/** Order keys, as cursors and event ids have them. */
const PLACE = /^[0-9.-]{1,64}$/;
/** Tells cursors from either end apart. */
const FROM = { oldest: 0, newest: 1 } as const;
/** Before every place. */
const BEGINNING = '0';

/** Conversations over HTTP, to be mounted at `/api/v1/conversations`. */
export function conversationRoutes(deps: Deps): Router {
  const { messages, streams } = deps;
  const router = Router();

  router.get('/:id/messages', async (request, response) => {
    const key = keyOf(request);
    const { order, cursor, limit } = parse(historyQuery, request.query, 'query');
    const after = cursor === undefined ? {} : { after: placeIn(cursor, order) };
    const found = await messages.history({ ...key, ...after, limit: limit + 1, newestFirst: order === 'newest' });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const more = found.length > limit && last !== undefined;
    response.json({ data: page.map(messageView), nextCursor: more ? encodeCursor(FROM[order], last.order) : null });
  });

  router.get('/:id/stream', async (request: Request, response: Response) => {
    const key = keyOf(request);
    const { lastEventId } = parse(streamQuery, request.query, 'query');
    const named = lastEventOf(request, lastEventId, (text) => PLACE.test(text));
    streams.admit(key);
    const [newest] = named === null ? await messages.history({ ...key, limit: 1, newestFirst: true }) : [];
    beginStream(streams, key, named ?? newest?.order ?? BEGINNING, messageView, response, request.method);
  });

  return router;
}

/** @throws SignalboxError `invalid-request` where it is a cursor of another list: its place means nothing here */
function placeIn(cursor: string, order: keyof typeof FROM): string {
  const { at, id } = decodeCursor(cursor);
  if (at === FROM[order] && PLACE.test(id)) return id;
  throw new SignalboxError('invalid-request', '?cursor is not one that this list gave out', {
    fields: [{ pointer: '?cursor', detail: 'must be a nextCursor of this list' }],
  });
}

/** @throws SignalboxError `invalid-request` where the path names none */
function keyOf(request: Request): ConversationKey {
  const name = conversationName.safeParse(request.params['id']);
  if (name.success) return { tenant: identityOf(request).tenant, conversationId: name.data };
  const detail = name.error.issues[0]?.message ?? 'is no conversation';
  throw new SignalboxError('invalid-request', `The conversation ${detail}`, { fields: [{ pointer: 'path: id', detail }] });
}
