import type { Message, Receipt } from '../../ports/messages.js';
import type { ReceiptNews } from '../../ports/news.js';
import type { DeadEntry } from '../../ports/stream.js';
import type { MessageAccepted } from './accept.js';

const iso = (at: number): string => new Date(at).toISOString();

/** The answer to an accept: the same for the first call and every repeat, but for `idempotentHit`. */
export function acceptedView({ messageId, state, acceptedAt }: MessageAccepted, idempotentHit: boolean) {
  return { messageId, state, acceptedAt: iso(acceptedAt), idempotentHit };
}

/** A stored message. */
export function messageView(message: Message) {
  const { id, conversationId, senderId, recipientIds, clientMessageId, contentType, content } = message;
  const known = { messageId: id, conversationId, senderId, recipientIds, clientMessageId, contentType, content, state: 'persisted' };
  const { idempotencyKey, correlationId, order, acceptedAt, persistedAt } = message;
  return { ...known, idempotencyKey, correlationId, order, acceptedAt: iso(acceptedAt), persistedAt: iso(persistedAt) };
}

export function receiptView({ userId, state, at }: Receipt) {
  return { userId, state, at: iso(at) };
}

/** A receipt as a stream of its conversation shows it. */
export function receiptEvent({ messageId, conversationId, ...receipt }: ReceiptNews) {
  return { messageId, conversationId, ...receiptView(receipt) };
}

/** One message with what people say of it. */
export function detailView(message: Message, receipts: readonly Receipt[]) {
  return { ...messageView(message), receipts: receipts.map(receiptView) };
}

/** One that is not stored yet. */
export function pendingView(messageId: string, { key, appendedAt }: { readonly key: string; readonly appendedAt: number }) {
  return { messageId, conversationId: key, state: 'pending', acceptedAt: iso(appendedAt), receipts: [] };
}

/** One that could not be stored. */
export function failedView({ id, key, appendedAt, failure, attempts, deadAt }: DeadEntry) {
  const known = { messageId: id, conversationId: key, state: 'failed', acceptedAt: iso(appendedAt) };
  return { ...known, failure, attempts, failedAt: iso(deadAt), receipts: [] };
}
