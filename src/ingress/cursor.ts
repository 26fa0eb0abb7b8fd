import { SignalboxError } from '../errors.js';

/** A place in a list, as the client sees it: opaque. */
export function encodeCursor(at: number, id: string): string {
  return Buffer.from(JSON.stringify([at, id])).toString('base64url');
}

/** @throws SignalboxError `invalid-request` when it is not one of ours */
export function decodeCursor(cursor: string): { readonly at: number; readonly id: string } {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(parsed) && parsed.length === 2) {
      const [at, id]: unknown[] = parsed;
      if (typeof at === 'number' && Number.isFinite(at) && typeof id === 'string' && id.length <= 64) return { at, id };
    }
  } catch {
    // falls through to the one answer
  }
  throw new SignalboxError('invalid-request', '?cursor is not one that this list gave out', {
    fields: [{ pointer: '?cursor', detail: 'must be a nextCursor of this list' }],
  });
}
