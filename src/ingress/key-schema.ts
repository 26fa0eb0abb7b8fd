import { z } from 'zod';
import { SCOPES } from '../ports/keys.js';

const DAY_S = 86_400;

/** As it stands on records and in keys: no blanks, no capitals that look alike. */
export const tenantName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be 1 to 63 small letters, digits, dots, dashes or underscores');

const keyName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be 1 to 63 letters, digits, dots, dashes or underscores');

export const createRequest = z.strictObject({
  name: keyName,
  scopes: z
    .array(z.enum(SCOPES))
    .min(1)
    .transform((scopes) => SCOPES.filter((scope) => scopes.includes(scope))),
  tenant: tenantName.optional(),
  expiresInDays: z.number().int().min(1).max(3650).optional(),
});

export const rotateRequest = z.strictObject({
  tenant: tenantName.optional(),
  /** How long the old one goes on. */
  overlapSeconds: z
    .number()
    .int()
    .min(0)
    .max(30 * DAY_S)
    .default(DAY_S),
  expiresInDays: z.number().int().min(1).max(3650).optional(),
});

export const listRequest = z.strictObject({
  tenant: tenantName.optional(),
  cursor: z.string().max(512).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

export const endRequest = z.strictObject({ tenant: tenantName.optional() });
