import { fingerprintOf, hashOf, uuidOf } from '../../pipeline/envelope.js';
import type { MessageDraft, UnplacedMessage } from '../../ports/messages.js';
import type { StreamDraft, StreamEntry } from '../../ports/stream.js';

/** What a message's row has besides what every entry of a log has. Content that is too large waits under `payloadKey`. */
interface Body {
  readonly idempotencyKey: string;
  readonly senderId: string;
  readonly clientMessageId: string | null;
  readonly recipientIds: readonly string[];
  readonly contentType: string;
  readonly content?: string;
  readonly payloadKey?: string;
  readonly correlationId: string;
}

/** The scope in which a client's id of a message is unique. */
interface MessageKey {
  readonly tenant: string;
  readonly senderId: string;
  readonly conversationId: string;
  readonly key: string;
}

/** Whoever meets the key again, with no cache at all, meets the same message. */
export function identityFor({ tenant, senderId, conversationId, key }: MessageKey): {
  readonly id: string;
  readonly idempotencyKey: string;
} {
  const idempotencyKey = hashOf('message', tenant, senderId, conversationId, key);
  return { id: uuidOf(idempotencyKey), idempotencyKey };
}

/** Tells a repeat from another message under the same key. */
export function messageFingerprint({
  content,
  contentType,
  recipientIds,
}: Pick<UnplacedMessage, 'content' | 'contentType' | 'recipientIds'>): string {
  return fingerprintOf({ content, contentType, recipientIds });
}

/** A name for its content while that waits. */
export function payloadKeyOf({ id, fingerprint }: UnplacedMessage): string {
  return hashOf('payload', id, fingerprint);
}

/** As it goes into the log, which says when it was accepted. `payloadKey`: its content waits there instead. */
export function toDraft(message: UnplacedMessage, payloadKey: string | null): StreamDraft {
  const { tenant, id, fingerprint, conversationId: key, content, acceptedAt: _, ...rest } = message;
  const body: Body = { ...rest, ...(payloadKey === null ? { content } : { payloadKey }) };
  return { tenant, key, id, fingerprint, body: JSON.stringify(body) };
}

/** As it comes out of the log; null where the entry is none of ours. `content` is null while it waits under `payloadKey`. */
export function fromEntry(entry: StreamEntry): (Omit<MessageDraft, 'content'> & ContentOrKey) | null {
  const body = bodyOf(entry.body);
  if (body === null) return null;
  const { content = null, payloadKey = null, idempotencyKey, senderId, clientMessageId, recipientIds, contentType } = body;
  const { tenant, key: conversationId, id, fingerprint, order, appendedAt: acceptedAt } = entry;
  const known = { tenant, conversationId, id, fingerprint, order, idempotencyKey, senderId, clientMessageId, recipientIds };
  return { ...known, contentType, correlationId: body.correlationId, acceptedAt, content, payloadKey };
}

interface ContentOrKey {
  readonly content: string | null;
  readonly payloadKey: string | null;
}

function bodyOf(text: string): Body | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return isBody(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

/** Only we write entries; whoever else does is found out by this, not by the store. */
function isBody(value: unknown): value is Body {
  if (typeof value !== 'object' || value === null) return false;
  const { idempotencyKey, senderId, clientMessageId, recipientIds, contentType, content, payloadKey, correlationId } = value as Record<
    string,
    unknown
  >;
  const texts = [idempotencyKey, senderId, contentType, correlationId, content ?? payloadKey];
  return (
    texts.every((text) => typeof text === 'string') &&
    (clientMessageId === null || typeof clientMessageId === 'string') &&
    Array.isArray(recipientIds)
  );
}
