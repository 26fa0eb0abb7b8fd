import { z } from 'zod';
import type { FieldError } from '../../errors.js';
import { idempotencyKey, line, name, text } from '../fields.js';

/** Longest body and subject, in characters; the whole request is limited to 256 kB besides. */
const BODY_MAX = 100_000;
const SUBJECT_MAX = 500;
/** How far ahead a notification may be scheduled or kept alive: two years. */
const HORIZON_MS = 2 * 366 * 86_400_000;

const instant = z.iso.datetime({ offset: true, error: 'must be an ISO 8601 date and time with a time zone, e.g. 2026-12-01T09:00:00Z' });

const webhookUrl = z
  .string()
  .max(2048)
  .refine((value) => {
    // The parser leaves out line breaks and tabs by itself; what is stored would still hold them.
    if (/[\s\p{Cc}]/u.test(value) || !URL.canParse(value)) return false;
    const url = new URL(value);
    return (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === '';
  }, 'must be an http or https URL without user name or password');

/** Every way to reach a person. */
export const CHANNELS = ['email', 'sms', 'push', 'webhook', 'in-app'] as const;

export type ChannelName = (typeof CHANNELS)[number];

/** The field of `to` that holds a channel's address. In-app needs none: it reaches the person by their user id. */
export const ADDRESS_OF = {
  email: 'email',
  sms: 'phone',
  push: 'pushToken',
  webhook: 'webhook',
  'in-app': null,
} as const satisfies Record<ChannelName, string | null>;

/** Where a person can be reached. A phone number is looked at more closely when it is used. */
export const addresses = z.strictObject({
  email: z.email('must be an e-mail address').max(254).optional(),
  webhook: webhookUrl.optional(),
  phone: line(32).optional(),
  pushToken: line(4096).optional(),
});

/** What the fields of a request must be to each other. */
export function agree(
  { channels, scheduledFor, expiresAt }: { channels: readonly string[]; scheduledFor?: string | undefined; expiresAt?: string | undefined },
  context: z.RefinementCtx,
): void {
  const issue = (path: (string | number)[], message: string): void => context.addIssue({ code: 'custom', path, message });
  if (new Set(channels).size !== channels.length) issue(['channels'], 'must not name a channel twice');
  if (scheduledFor !== undefined && expiresAt !== undefined && Date.parse(expiresAt) <= Date.parse(scheduledFor)) {
    issue(['expiresAt'], 'must be later than scheduledFor');
  }
}

/** `POST /api/v1/notifications`. Unknown fields are refused, so that a typing error is not silently dropped. */
export const notificationRequest = z
  .strictObject({
    userId: name(128),
    channels: z
      .array(z.enum(CHANNELS, `must be one of: ${CHANNELS.join(', ')}`))
      .min(1)
      .max(CHANNELS.length),
    to: addresses.default({}),
    category: name(64).default('general'),
    priority: z.enum(['normal', 'urgent']).default('normal'),
    subject: line(SUBJECT_MAX).optional(),
    body: text(BODY_MAX),
    data: z.record(z.string().min(1).max(256), z.unknown()).optional(),
    scheduledFor: instant.optional(),
    expiresAt: instant.optional(),
    idempotencyKey: idempotencyKey.optional(),
  })
  .superRefine(agree);

export type NotificationRequest = z.infer<typeof notificationRequest>;

/** Rules that need the time: `now` in milliseconds since the epoch. Gives what is wrong, or nothing. */
export function timeProblems(request: Pick<NotificationRequest, 'scheduledFor' | 'expiresAt'>, now: number): FieldError[] {
  const problems = [];
  for (const field of ['scheduledFor', 'expiresAt'] as const) {
    const value = request[field];
    if (value !== undefined && Date.parse(value) > now + HORIZON_MS)
      problems.push({ pointer: `/${field}`, detail: 'must be within two years' });
  }
  if (request.expiresAt !== undefined && Date.parse(request.expiresAt) <= now) {
    problems.push({ pointer: '/expiresAt', detail: 'must be in the future' });
  }
  return problems;
}

/** What is stored of a notification: its content, never changed after acceptance. */
export interface NotificationPayload {
  readonly category: string;
  readonly subject: string | null;
  readonly body: string;
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly scheduledFor: string | null;
  readonly expiresAt: string | null;
  /** The batch of recipients that it came in. Left out: it came alone. */
  readonly batchId?: string;
}

/** `POST …/:id/resolve`. */
export const resolveRequest = z.strictObject({
  resolution: z.enum(['delivered', 'resend', 'dead']),
  deliveryId: z.uuid().optional(),
  note: line(500).optional(),
});

/** `GET /api/v1/notifications`. */
export const listRequest = z.strictObject({
  status: z
    .enum(['queued', 'scheduled', 'deferred', 'processing', 'delivered', 'skipped', 'expired', 'cancelled', 'dead', 'held', 'partial'])
    .optional(),
  userId: name(128).optional(),
  cursor: z.string().max(512).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});
