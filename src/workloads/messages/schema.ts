import { z } from 'zod';
import { RECEIPT_STATES } from '../../ports/messages.js';
import { idempotencyKey, name, text } from '../fields.js';

/** Longest content, in characters; the whole request is limited to 256 kB besides. */
const CONTENT_MAX = 250_000;
const RECIPIENTS_MAX = 1_000;

export const conversationName = name(128);
export const messageName = z.uuid('must be the id of a message');
const userName = name(128);

/** `text`, or a media type such as `text/plain`, `image/png`. */
const contentType = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,63}(\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,63})?$/, 'must be a word or a media type');

/** `POST /api/v1/messages`. */
export const messageRequest = z.strictObject({
  conversationId: conversationName,
  senderId: userName,
  content: text(CONTENT_MAX),
  contentType: contentType.default('text'),
  clientMessageId: idempotencyKey.optional(),
  recipientIds: z
    .array(userName)
    .max(RECIPIENTS_MAX)
    .default([])
    .refine((ids) => new Set(ids).size === ids.length, 'must not name anybody twice'),
});

/** `POST /api/v1/messages/:id/receipts`. */
export const receiptRequest = z.strictObject({
  userId: userName,
  state: z.enum(RECEIPT_STATES, `must be one of: ${RECEIPT_STATES.join(', ')}`),
});

/** `GET /api/v1/conversations/:id/messages`. */
export const historyQuery = z.strictObject({
  order: z.enum(['oldest', 'newest'], 'must be oldest or newest').default('oldest'),
  cursor: z.string().max(512).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

/** `GET /api/v1/conversations/:id/stream`. */
export const streamQuery = z.strictObject({ lastEventId: z.string().max(128).optional() });
