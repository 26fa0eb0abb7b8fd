import type { RequestHandler } from 'express';
import { SignalboxError } from '../errors.js';
import { identityOf } from './identity.js';

interface GuardSettings {
  readonly corsOrigins: readonly string[];
  /** Requests per client and minute; 0 for no limit. */
  readonly rateLimitPerMinute: number;
}

/** Those that the settings ask for. Their libraries are loaded only then: what nobody asked for takes no memory. */
export async function apiGuards({ corsOrigins, rateLimitPerMinute }: GuardSettings): Promise<readonly RequestHandler[]> {
  const guards: RequestHandler[] = [];
  if (corsOrigins.length > 0) {
    const { default: cors } = await import('cors');
    guards.push(cors({ origin: corsOrigins.includes('*') ? '*' : [...corsOrigins] }));
  }
  if (rateLimitPerMinute > 0) guards.push(await rateLimit(rateLimitPerMinute));
  return guards;
}

async function rateLimit(perMinute: number): Promise<RequestHandler> {
  const { RateLimiterMemory } = await import('rate-limiter-flexible');
  const limiter = new RateLimiterMemory({ points: perMinute, duration: 60 });
  return (request, response, next) => {
    const { tenant, principal } = identityOf(request);
    limiter.consume(`${tenant}/${principal}/${request.ip ?? ''}`).then(
      (state) => {
        response.setHeader('RateLimit-Policy', `"default";q=${perMinute};w=60`);
        response.setHeader('RateLimit', `"default";r=${state.remainingPoints};t=${Math.ceil(state.msBeforeNext / 1000)}`);
        next();
      },
      (refusal: unknown) => {
        const waitMs = typeof refusal === 'object' && refusal !== null && 'msBeforeNext' in refusal ? Number(refusal.msBeforeNext) : 1000;
        next(new SignalboxError('rate-limited', `More than ${perMinute} requests in a minute`, { retryAfterS: waitMs / 1000 }));
      },
    );
  };
}
