import type { Request } from 'express';
import { SignalboxError } from '../errors.js';

/**
 * The idempotency key of a call: the `Idempotency-Key` header or the natural key of the body. Where both are there
 * (`field`) they must agree. @throws SignalboxError `invalid-request` naming the header
 */
export function idempotencyKeyOf(request: Request, natural: string | undefined, field = 'idempotencyKey'): string | null {
  const header = request.get('Idempotency-Key');
  if (header === undefined) return natural ?? null;
  // Some clients quote it, as a structured field would be (RFC 8941 string); the key is what stands inside.
  const key = /^"(.*)"$/.exec(header)?.[1] ?? header;
  const refuse = (detail: string): never => {
    throw new SignalboxError('invalid-request', `Idempotency-Key ${detail}`, { fields: [{ pointer: 'header: Idempotency-Key', detail }] });
  };
  if (!/^[\u0021-\u007e]{1,255}$/.test(key)) refuse('must be 1 to 255 visible ASCII characters');
  if (natural !== undefined && natural !== key) refuse(`differs from the ${field} in the body`);
  return key;
}
