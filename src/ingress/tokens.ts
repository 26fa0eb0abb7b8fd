import { errors, jwtVerify } from 'jose';
import { z } from 'zod';
import { SCOPES, type Scope } from '../ports/keys.js';
import type { Caller } from './identity.js';
import { tenantName } from './key-schema.js';

/** Whom tokens must be meant for. */
const AUDIENCE = 'signalbox';
/** Clocks of different machines differ. */
const TOLERANCE_S = 5;

/** What a token must say besides `exp` and `aud`. */
const claims = z.object({
  sub: z.string().regex(/^[!-~]{1,128}$/),
  tenant: tenantName,
  /** As in OAuth 2: words with blanks between them. */
  scope: z.string().max(256),
});

/** The caller that a token names; null: the token is not good. */
export type ReadToken = (token: string) => Promise<Caller | null>;

/**
 * Reads JWTs signed with HS256 and this secret, and no others: the token does not choose how it is checked. Without an end a token
 * is not taken; scopes that are none of ours are passed over.
 */
export function createTokenReader(secret: string): ReadToken {
  const key = new TextEncoder().encode(secret);
  const options = { algorithms: ['HS256'], audience: AUDIENCE, requiredClaims: ['exp', 'sub'], clockTolerance: TOLERANCE_S };
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, key, options);
      const said = claims.safeParse(payload);
      if (!said.success) return null;
      const { sub, tenant, scope } = said.data;
      const words = new Set(scope.split(' '));
      return { tenant, principal: `user:${sub}`, scopes: new Set(SCOPES.filter((known): known is Scope => words.has(known))) };
    } catch (error) {
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  };
}
