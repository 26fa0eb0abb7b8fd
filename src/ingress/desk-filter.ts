import { z } from 'zod';
import type { DeliveryFilter } from '../ports/reader.js';

const instant = z.iso
  .datetime({ offset: true, error: 'must be an ISO 8601 date and time with a time zone, e.g. 2026-12-01T09:00:00Z' })
  .transform((text) => Date.parse(text));

/** Which of those that wait on the desk: all that match every field given. Times become milliseconds since the epoch. */
export const deskFilterFields = {
  workload: z
    .string()
    .regex(/^[a-z]{1,32}$/, 'must be the name of a workload')
    .optional(),
  channel: z
    .string()
    .regex(/^[a-z][a-z-]{0,31}$/, 'must be the name of a channel')
    .optional(),
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{16}$/, 'must be the fingerprint of a dead letter: 16 hex digits')
    .optional(),
  code: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be a failure code such as http_503')
    .optional(),
  userId: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$/, 'must be a user id')
    .optional(),
  /** Came to rest not before. */
  since: instant.optional(),
  /** Came to rest before. */
  until: instant.optional(),
};

/** As a client sends it; an empty one means everything, and has to be sent as such. */
export const deskFilter = z.strictObject(deskFilterFields);

export type DeskFilter = z.infer<typeof deskFilter>;

/** What a person says about what they do: one line, since it is shown in lists. */
export const remark = z
  .string()
  .min(1)
  .max(500)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this refuses
  .regex(/^[^\u0000-\u001f\u007f]*$/, 'must not contain control characters such as NUL, CR or LF')
  .refine((text) => text.trim() !== '', 'must not be blank')
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode (no lone surrogates)');

export const resolution = z.enum(['delivered', 'resend', 'dead'], 'must be one of: delivered, resend, dead');

/** The filter for the store, without the fields that were left out. */
export function toDeliveryFilter(tenant: string, status: DeliveryFilter['status'], filter: DeskFilter): DeliveryFilter {
  const { workload, channel, fingerprint, code, userId, since, until } = filter;
  return {
    tenant,
    status,
    ...(workload === undefined ? {} : { workload }),
    ...(channel === undefined ? {} : { channel }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(code === undefined ? {} : { code }),
    ...(userId === undefined ? {} : { userId }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}
