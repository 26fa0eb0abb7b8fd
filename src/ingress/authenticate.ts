import type { Request } from 'express';
import { SignalboxError } from '../errors.js';
import { SCOPES } from '../ports/keys.js';
import type { Caller } from './identity.js';
import type { KeyRing } from './key-ring.js';
import { digestOf, idIn, sameDigest } from './key-text.js';
import type { ReadToken } from './tokens.js';

const DEFAULT_TENANT = 'default';
const EVERYTHING = new Set(SCOPES);

/** Whoever comes without a key where none is needed. */
const ANONYMOUS: Caller = { tenant: DEFAULT_TENANT, principal: 'anonymous', scopes: EVERYTHING };
const ADMIN: Caller = { tenant: DEFAULT_TENANT, principal: 'admin', scopes: EVERYTHING };

/** Compared with where there is no key, so that a wrong id takes the same way as a wrong secret. */
const NO_DIGEST = Buffer.alloc(32);

/** Longer than any credential of ours, and short enough to hash for whoever sends it. */
const LONGEST = 8192;

/** Who calls. @throws SignalboxError `unauthorized`, in the same words whatever is wrong with what was shown */
export type Authenticate = (request: Request) => Promise<Caller>;

interface Deps {
  readonly ring: KeyRing;
  /** Whether whoever shows nothing is refused. What is shown and wrong is always refused. */
  readonly required: boolean;
  readonly adminKey: string | null;
  /** Null: no tokens are taken. */
  readonly readToken: ReadToken | null;
}

export function createAuthenticate({ ring, required, adminKey, readToken }: Deps): Authenticate {
  // Only the digest is kept.
  const adminDigest = adminKey === null ? null : digestOf(adminKey);

  const callerWith = async (credential: string): Promise<Caller | null> => {
    const digest = digestOf(credential);
    const isAdmin = sameDigest(digest, adminDigest ?? NO_DIGEST);
    if (isAdmin && adminDigest !== null) return ADMIN;
    const id = idIn(credential);
    if (id !== null) {
      const live = await ring.live(id);
      const same = sameDigest(digest, live === null ? NO_DIGEST : Buffer.from(live.key.digest, 'hex'));
      if (!same || live === null) return null;
      const { tenant, name, scopes } = live.key;
      return { tenant, principal: `key:${name}`, scopes: new Set(scopes) };
    }
    return readToken === null || credential.split('.').length !== 3 ? null : readToken(credential);
  };

  return async (request) => {
    const { authorization } = request.headers;
    if (authorization === undefined) {
      if (!required) return ANONYMOUS;
      throw new SignalboxError('unauthorized', 'Send an API key or a token as Authorization: Bearer');
    }
    const credential = /^Bearer +([!-~]+) *$/i.exec(authorization)?.[1];
    const caller = credential === undefined || credential.length > LONGEST ? null : await callerWith(credential);
    if (caller === null)
      throw new SignalboxError('unauthorized', 'What was sent as Authorization is no key or token that is honoured here');
    return caller;
  };
}
