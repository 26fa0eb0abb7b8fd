import type { Chance } from '../ports/chance.js';
import type { Clock } from '../ports/clock.js';
import { BURST_MIN, type Rates, SAVED_UP } from '../ports/rates.js';

export type { Rates };

/** The rule that puts a delivery off because its provider's rate is used up; whoever carries it has stood in line. */
export const RATE_LIMITED = 'rate.limited';

/** The rates of this process alone. */
export interface OwnRates extends Rates {
  take(provider: string, perSecond: number | undefined, inLine: boolean): number | null;
}

interface Bucket {
  /** Calls that may begin at once, as of `at` on the monotonic clock. */
  tokens: number;
  at: number;
  /** When the turn of the last one in line comes. */
  lineEnd: number;
}

/** Providers that are remembered: their names come from clients, so there may be any number. */
const REMEMBERED = 1000;
/** Share of the distance between two turns by which each comes late at random. */
const JITTER = 0.5;

/**
 * A token bucket for each provider, holding at most a quarter of a second's worth, and a line of those who found it empty. The line
 * stands nowhere: it is a row of turns, one rate's distance apart, and each in it comes back at its own turn, when a
 * token is there for it. Whoever comes anew joins at its end, so that a backlog drains in order, at the rate, and
 * each of it asks about twice. After a restart the line is forgotten; its turns stand in the deliveries themselves.
 */
export function createRates(clock: Clock, chance: Chance): OwnRates {
  const buckets = new Map<string, Bucket>();

  const bucketOf = (provider: string, burst: number): Bucket => {
    const now = clock.monotonic();
    const known = buckets.get(provider);
    if (known !== undefined) return known;
    if (buckets.size >= REMEMBERED) forget(buckets, now);
    const fresh = { tokens: burst, at: now, lineEnd: now };
    buckets.set(provider, fresh);
    return fresh;
  };

  return {
    take(provider, perSecond, inLine) {
      if (perSecond === undefined) return null;
      const burst = Math.max(BURST_MIN, SAVED_UP * perSecond);
      const bucket = bucketOf(provider, burst);
      const now = clock.monotonic();
      bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) * perSecond) / 1000);
      bucket.at = now;
      if (bucket.tokens >= 1 && (inLine || bucket.lineEnd <= now)) {
        bucket.tokens -= 1;
        return null;
      }
      const apartMs = 1000 / perSecond;
      bucket.lineEnd = Math.max(bucket.lineEnd + apartMs, now + (1 - bucket.tokens) * apartMs);
      return Math.ceil(bucket.lineEnd - now + chance.next() * JITTER * apartMs);
    },
  };
}

/** First those with nobody in line and a bucket that is full again, as a fresh one would be. Then the oldest. */
function forget(buckets: Map<string, Bucket>, now: number): void {
  for (const [name, { at, lineEnd }] of buckets) if (lineEnd <= now && at + BURST_MIN * 1000 <= now) buckets.delete(name);
  for (const name of buckets.keys()) {
    if (buckets.size < REMEMBERED) return;
    buckets.delete(name);
  }
}
