import type { Chance } from '../ports/chance.js';

/**
 * How long to wait before the next attempt, in milliseconds: exponential backoff with full jitter (uniform between 0
 * and the exponential bound; M. Brooker, "Exponential Backoff And Jitter", 2015), so that what failed together does not
 * come back together. A provider's Retry-After is the least we wait; up to a tenth is added on top for the same reason.
 *
 * @param failures how many attempts have failed so far, 1 or more
 */
export function backoffMs(
  failures: number,
  bounds: { readonly backoffMs: number; readonly backoffMaxMs: number },
  chance: Chance,
  retryAfterMs?: number,
): number {
  const bound = Math.min(bounds.backoffMaxMs, bounds.backoffMs * 2 ** Math.min(failures - 1, 30));
  const jittered = Math.floor(chance.next() * bound);
  if (retryAfterMs === undefined) return jittered;
  return retryAfterMs + Math.floor(chance.next() * Math.min(retryAfterMs / 10, bounds.backoffMs));
}
