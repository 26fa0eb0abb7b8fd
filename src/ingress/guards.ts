import type { RequestHandler } from 'express';
import { SignalboxError } from '../errors.js';
import type { RequestLimit, ShareRequestLimit } from '../ports/request-limit.js';
import { identityOf } from './identity.js';

interface GuardSettings {
  readonly corsOrigins: readonly string[];
  /** Requests per client and minute; 0 for no limit. */
  readonly rateLimitPerMinute: number;
  /** Counts requests over many processes. Left out: each counts its own. */
  readonly shareLimit?: ShareRequestLimit;
}

/** Those that the settings ask for. Their libraries are loaded only then: what nobody asked for takes no memory. */
export async function apiGuards({ corsOrigins, rateLimitPerMinute, shareLimit }: GuardSettings): Promise<readonly RequestHandler[]> {
  const guards: RequestHandler[] = [];
  if (corsOrigins.length > 0) {
    const { default: cors } = await import('cors');
    guards.push(cors({ origin: corsOrigins.includes('*') ? '*' : [...corsOrigins] }));
  }
  if (rateLimitPerMinute > 0) {
    const own = await ownLimit(rateLimitPerMinute);
    guards.push(rateLimit(rateLimitPerMinute, shareLimit === undefined ? own : await shareLimit(rateLimitPerMinute, own)));
  }
  return guards;
}

function rateLimit(perMinute: number, limit: RequestLimit): RequestHandler {
  return async (request, response, next) => {
    const { tenant, principal } = identityOf(request);
    const { allowed, remaining, resetMs } = await limit.take(`${tenant}/${principal}/${request.ip ?? ''}`);
    if (!allowed) throw new SignalboxError('rate-limited', `More than ${perMinute} requests in a minute`, { retryAfterS: resetMs / 1000 });
    response.setHeader('RateLimit-Policy', `"default";q=${perMinute};w=60`);
    response.setHeader('RateLimit', `"default";r=${remaining};t=${Math.ceil(resetMs / 1000)}`);
    next();
  };
}

/** Counted in this process alone. */
async function ownLimit(perMinute: number): Promise<RequestLimit> {
  const { RateLimiterMemory, RateLimiterRes } = await import('rate-limiter-flexible');
  const limiter = new RateLimiterMemory({ points: perMinute, duration: 60 });
  return {
    async take(client) {
      try {
        const { remainingPoints, msBeforeNext } = await limiter.consume(client);
        return { allowed: true, remaining: remainingPoints, resetMs: msBeforeNext };
      } catch (refusal) {
        const resetMs = refusal instanceof RateLimiterRes ? refusal.msBeforeNext : 1000;
        return { allowed: false, remaining: 0, resetMs };
      }
    },
  };
}
