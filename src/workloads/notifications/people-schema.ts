import { z } from 'zod';
import { DAYS } from '../../ports/people.js';
import { name } from '../fields.js';
import { addresses, type CHANNELS } from './schema.js';

const CATEGORIES_MAX = 200;

/** A user's id, as it stands in paths. */
export const userName = name(128);

const categoryName = name(64);

const switches = z.strictObject({
  email: z.boolean().optional(),
  sms: z.boolean().optional(),
  push: z.boolean().optional(),
  webhook: z.boolean().optional(),
  'in-app': z.boolean().optional(),
} satisfies Record<(typeof CHANNELS)[number], z.ZodOptional<z.ZodBoolean>>);

/** `HH:MM` on a 24-hour clock. */
const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time from 00:00 to 23:59');

/** Names, links included, as the runtime's own data has them; offsets such as +01:00 are no zones, they know no summer. */
const timeZone = z.string().refine(isTimeZone, 'must be an IANA time zone, e.g. Europe/Lisbon');

function isTimeZone(zone: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

const quietHours = z
  .strictObject({
    start: clockTime,
    end: clockTime,
    timeZone,
    days: z
      .array(z.enum(DAYS, `must be one of: ${DAYS.join(', ')}`))
      .min(1)
      .max(DAYS.length)
      .default([...DAYS]),
  })
  .superRefine(({ start, end, days }, context) => {
    if (start === end) context.addIssue({ code: 'custom', path: ['end'], message: 'must differ from start' });
    if (new Set(days).size !== days.length) context.addIssue({ code: 'custom', path: ['days'], message: 'must not name a day twice' });
  });

/** `PUT /api/v1/users/:userId/preferences`: what is left out is as if it had never been chosen. */
export function preferencesRequest(criticalCategories: readonly string[]) {
  return z
    .strictObject({
      contacts: addresses.default({}),
      channels: switches.default({}),
      categories: z.record(z.string(), switches).default({}),
      quietHours: quietHours.nullable().default(null),
    })
    .superRefine(({ categories }, context) => {
      const issue = (path: string[], message: string): void => context.addIssue({ code: 'custom', path: ['categories', ...path], message });
      if (Object.keys(categories).length > CATEGORIES_MAX) issue([], `must not name more than ${CATEGORIES_MAX} categories`);
      for (const [category, channels] of Object.entries(categories)) {
        const named = categoryName.safeParse(category);
        if (!named.success) issue([category], named.error.issues[0]?.message ?? 'is no category');
        if (!criticalCategories.includes(category)) continue;
        for (const [channel, wanted] of Object.entries(channels)) {
          if (wanted === false) issue([category, channel], `cannot be switched off: ${category} is a critical category`);
        }
      }
    });
}

export type PreferencesRequest = z.infer<ReturnType<typeof preferencesRequest>>;
