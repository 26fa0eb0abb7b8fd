import type { Request } from 'express';
import type { Scope } from '../ports/keys.js';

/** Who asks. On every record, key and query. */
export interface Identity {
  readonly tenant: string;
  readonly principal: string;
}

/** Who asks, and what they may do. */
export interface Caller extends Identity {
  readonly scopes: ReadonlySet<Scope>;
}

const CALLER = Symbol('caller');

interface Known {
  [CALLER]?: Caller;
}

/** Said once for each request, by whoever has checked what it brought. */
export function identify(request: Request, caller: Caller): void {
  (request as Request & Known)[CALLER] = caller;
}

/** The caller. Throws where nobody has checked: a route that forgets to ask must not answer. */
export function callerOf(request: Request): Caller {
  const caller = (request as Request & Known)[CALLER];
  if (caller === undefined) throw new Error(`nobody has checked who calls ${request.method} ${request.path}`);
  return caller;
}

/** The one place that tells tenant and principal. */
export function identityOf(request: Request): Identity {
  const { tenant, principal } = callerOf(request);
  return { tenant, principal };
}
