import { type Request, type Response, Router } from 'express';
import { SignalboxError } from '../../errors.js';
import { answer } from '../../ingress/answer.js';
import { idempotencyKeyOf } from '../../ingress/idempotency.js';
import { identityOf } from '../../ingress/identity.js';
import { parse } from '../../ingress/problem.js';
import { correlationOf } from '../../ingress/request-id.js';
import type { Message, MessageStore, ReceiptState } from '../../ports/messages.js';
import type { ReceiptNews } from '../../ports/news.js';
import type { StreamDesk, StreamLog } from '../../ports/stream.js';
import type { AcceptMessage } from './accept.js';
import { messageName, messageRequest, receiptRequest } from './schema.js';
import { acceptedView, detailView, failedView, pendingView, receiptView } from './view.js';

interface Deps {
  readonly accept: AcceptMessage;
  readonly messages: Pick<MessageStore, 'get' | 'receipts' | 'receive'>;
  readonly log: Pick<StreamLog, 'find'>;
  readonly desk: Pick<StreamDesk, 'get'>;
  /** Told of a receipt that was given for the first time. */
  received(receipt: ReceiptNews): void;
  /** Throws when the backlog is full or the server is going down: then nothing is accepted. */
  admit(): void;
}

/** The HTTP side of messages, to be mounted at `/api/v1/messages` and `/api/messages`. */
export function messageRoutes(deps: Deps): Router {
  const { messages } = deps;
  const router = Router();

  router.post('/', (request, response) => accept(deps, request, response));

  router.get('/:id', async (request, response) => {
    const { tenant, id } = nameIn(request);
    response.json(await look(deps, tenant, id));
  });

  router.get('/:id/receipts', async (request, response) => {
    const { tenant, id } = nameIn(request);
    const receipts = (await look(deps, tenant, id)).receipts;
    response.json({ messageId: id, data: receipts });
  });

  router.post('/:id/receipts', async (request, response) => {
    const { tenant, id } = nameIn(request);
    const { userId, state } = parse(receiptRequest, request.body);
    const message = await receivable(deps, tenant, id);
    if (message.recipientIds.length > 0 && !message.recipientIds.includes(userId)) throw notForThem();
    const received = await messages.receive(tenant, id, { userId, state: state satisfies ReceiptState });
    if (received === null) throw nothing();
    if (received.added) deps.received({ tenant, conversationId: message.conversationId, messageId: id, ...received.receipt });
    response.status(received.added ? 201 : 200).json({ messageId: id, ...receiptView(received.receipt), idempotentHit: !received.added });
  });

  return router;
}

async function accept(deps: Deps, request: Request, response: Response): Promise<void> {
  deps.admit();
  const { clientMessageId = null, ...body } = parse(messageRequest, request.body);
  const key = idempotencyKeyOf(request, clientMessageId ?? undefined, 'clientMessageId');
  const { tenant } = identityOf(request);
  const correlationId = correlationOf(response).requestId;
  const accepted = await deps.accept({ ...body, tenant, clientMessageId, key, correlationId });
  if (accepted.outcome === 'conflict') {
    const pointer = clientMessageId === null ? 'header: Idempotency-Key' : '/clientMessageId';
    const fields = [{ pointer, detail: 'was used with another message' }];
    throw new SignalboxError('idempotency-conflict', 'This key was used before with another message', { fields });
  }
  const repeat = accepted.outcome === 'repeat';
  response.setHeader('Location', `/api/v1/messages/${accepted.messageId}`);
  if (repeat) response.setHeader('Idempotency-Replayed', 'true');
  answer(response, repeat ? 200 : 202, acceptedView(accepted, repeat));
}

/** Wherever it is: in the store, among the dead letters, or still in the log. */
async function look({ messages, desk, log }: Deps, tenant: string, id: string) {
  const message = await messages.get(tenant, id);
  if (message !== null) return detailView(message, await messages.receipts(tenant, id));
  const dead = await desk.get(tenant, id);
  if (dead !== null) return failedView(dead);
  const waiting = await log.find(tenant, id);
  if (waiting !== null) return pendingView(id, waiting);
  // It may have been stored between the first look and the last.
  return detailView(await stored({ messages }, tenant, id), await messages.receipts(tenant, id));
}

/** @throws SignalboxError where it is not stored: `message-pending`, `conflict` (it never will be as things stand), `not-found` */
async function receivable(deps: Deps, tenant: string, id: string): Promise<Message> {
  const message = await deps.messages.get(tenant, id);
  if (message !== null) return message;
  const { state } = await look(deps, tenant, id);
  if (state === 'pending') throw new SignalboxError('message-pending', 'The message is not stored yet; try again', { retryAfterS: 1 });
  if (state === 'failed') throw new SignalboxError('conflict', 'The message could not be stored');
  return stored(deps, tenant, id);
}

/** @throws SignalboxError `not-found` */
async function stored({ messages }: Pick<Deps, 'messages'>, tenant: string, id: string): Promise<Message> {
  const message = await messages.get(tenant, id);
  if (message === null) throw nothing();
  return message;
}

function nothing(): SignalboxError {
  return new SignalboxError('not-found', 'There is no message with this id');
}

function notForThem(): SignalboxError {
  const fields = [{ pointer: '/userId', detail: 'is none of the recipients' }];
  return new SignalboxError('invalid-request', '/userId is none of the recipients', { fields });
}

/** @throws SignalboxError `not-found` where the path names none */
function nameIn(request: Request): { readonly tenant: string; readonly id: string } {
  const id = messageName.safeParse(request.params['id']);
  if (!id.success) throw nothing();
  return { tenant: identityOf(request).tenant, id: id.data };
}
