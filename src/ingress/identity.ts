import type { Request } from 'express';

/** Who asks. On every record, key and query from the first day, even before there is a sign-in. */
export interface Identity {
  readonly tenant: string;
  readonly principal: string;
}

const DEFAULT: Identity = { tenant: 'default', principal: 'anonymous' };

/** The one place that tells tenant and principal; sign-in will change it here and nowhere else. */
export function identityOf(_request: Request): Identity {
  return DEFAULT;
}
