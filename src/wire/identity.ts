import type { Router } from 'express';
import type { Config } from '../config.js';
import { accessRoutes } from '../ingress/access.js';
import { createAttend } from '../ingress/attend.js';
import { createAuthenticate } from '../ingress/authenticate.js';
import { createKeyRing, type KeyRing } from '../ingress/key-ring.js';
import type { ReadToken } from '../ingress/tokens.js';
import type { Clock, Timers } from '../ports/clock.js';
import { ownSecret } from '../runtime/own-secret.js';
import type { Log } from '../telemetry/log.js';
import type { Backends } from './backends.js';

/** What tells who calls the API. */
export interface IdentityParts {
  readonly access: Router;
  readonly ring: KeyRing;
}

interface Deps {
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly backends: Pick<Backends, 'keys' | 'kind'>;
}

const JWT_SECRET_FILE = 'jwt-secret';

/** Keys, tokens, and what each may do; a process without the API has none of it. */
export function createIdentity({ config, log, clock, timers, backends }: Deps): IdentityParts {
  const { authRequired: required, adminApiKey: adminKey } = config;
  if (!required && config.roles.has('api')) {
    log.warn(
      { host: config.host },
      'the API asks nobody for a key: whoever reaches it may do everything. Outside production only; AUTH_REQUIRED=on asks',
    );
  }
  const ring = createKeyRing(backends.keys, clock);
  const authenticate = createAuthenticate({ ring, required, adminKey, readToken: tokenReader(config, log, backends.kind) });
  return { access: accessRoutes(authenticate, createAttend(authenticate, timers)), ring };
}

/** A fleet without a secret takes no tokens; one process makes one of its own. */
function tokenReader(config: Config, log: Log, kind: Backends['kind']): ReadToken | null {
  const given = config.jwtSecret;
  if (given === null && kind === 'cluster') return null;
  let reader: Promise<ReadToken> | undefined;
  const secret = given ?? ownSecret(config.dataDir, JWT_SECRET_FILE, (line) => log.warn(line));
  // Its library is loaded with the first token.
  return async (token) => {
    reader ??= import('../ingress/tokens.js').then(({ createTokenReader }) => createTokenReader(secret));
    return (await reader)(token);
  };
}
