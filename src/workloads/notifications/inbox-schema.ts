import { z } from 'zod';

const seq = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

/** `GET …/inbox`. */
export const inboxQuery = z.strictObject({
  unread: z
    .enum(['true', 'false'], 'must be true or false')
    .transform((text) => text === 'true')
    .default(false),
  cursor: z.string().max(512).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

/** `POST …/inbox/read`. */
export const readRequest = z
  .strictObject({
    seqs: z.array(seq).min(1).max(1000).optional(),
    upTo: seq.optional(),
    read: z.boolean().default(true),
  })
  .refine(({ seqs, upTo }) => (seqs === undefined) !== (upTo === undefined), 'must have either seqs or upTo');

/** `GET …/inbox/stream`. */
export const streamQuery = z.strictObject({ lastEventId: z.string().max(64).optional() });
