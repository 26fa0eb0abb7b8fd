import type { Request, RequestHandler } from 'express';
import ipaddr from 'ipaddr.js';
import { SignalboxError } from '../errors.js';
import type { RequestLimit, ShareRequestLimit } from '../ports/request-limit.js';
import { callerOf } from './identity.js';

interface GuardSettings {
  readonly corsOrigins: readonly string[];
  /** Requests per caller and minute; 0 for no limit, also below. */
  readonly rateLimitPerMinute: number;
  /** The same for a tenant. */
  readonly rateLimitTenantPerMinute: number;
  /** The same for an address. */
  readonly rateLimitIpPerMinute: number;
  /** Counts requests over many processes. Left out: each counts its own. */
  readonly shareLimit?: ShareRequestLimit;
}

export interface Guards {
  /** Before it is known who calls: CORS, and the limit of an address. */
  readonly outer: readonly RequestHandler[];
  /** Once it is known: the limits of caller and tenant. */
  readonly inner: readonly RequestHandler[];
  /** Before pages, which nobody needs a key for: the limit of a caller is that of an address there. */
  readonly pages: readonly RequestHandler[];
}

/** Those that the settings ask for. Their libraries are loaded only then: what nobody asked for takes no memory. */
export async function apiGuards(settings: GuardSettings): Promise<Guards> {
  const { corsOrigins, rateLimitPerMinute, rateLimitTenantPerMinute, rateLimitIpPerMinute, shareLimit } = settings;
  const limitOf = async (name: string, perMinute: number, of: (request: Request) => string): Promise<readonly RequestHandler[]> => {
    if (perMinute === 0) return [];
    const own = await ownLimit(perMinute);
    return [rateLimit({ name, perMinute, of }, shareLimit === undefined ? own : await shareLimit(perMinute, own))];
  };
  return {
    outer: [...(await cors(corsOrigins)), ...(await limitOf('ip', rateLimitIpPerMinute, (request) => `ip/${addressOf(request)}`))],
    pages: await limitOf('caller', rateLimitPerMinute, (request) => `page/${addressOf(request)}`),
    inner: [
      ...(await limitOf('tenant', rateLimitTenantPerMinute, (request) => `tenant/${callerOf(request).tenant}`)),
      ...(await limitOf('caller', rateLimitPerMinute, callerName)),
    ],
  };
}

async function cors(origins: readonly string[]): Promise<readonly RequestHandler[]> {
  if (origins.length === 0) return [];
  const { default: allow } = await import('cors');
  const exposedHeaders = ['RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Request-Id', 'Location', 'Idempotency-Replayed'];
  return [allow({ origin: origins.includes('*') ? '*' : [...origins], exposedHeaders, maxAge: 600 })];
}

/** Those who need no key are one principal: they are told apart by their addresses. */
function callerName(request: Request): string {
  const { tenant, principal } = callerOf(request);
  const who = `caller/${tenant}/${principal}`;
  return request.headers.authorization === undefined ? `${who}/${addressOf(request)}` : who;
}

/** Whoever has an IPv6 address has 2^64 of them. */
function addressOf({ ip = '' }: Request): string {
  if (!ipaddr.isValid(ip)) return ip;
  const address = ipaddr.process(ip);
  if (address.kind() === 'ipv4') return address.toString();
  return `${(address as ipaddr.IPv6).parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':')}::/64`;
}

interface Policy {
  readonly name: string;
  readonly perMinute: number;
  readonly of: (request: Request) => string;
}

/** Says with every answer what is left, beside what limits before it have said. */
function rateLimit({ name, perMinute, of }: Policy, limit: RequestLimit): RequestHandler {
  return async (request, response, next) => {
    const { allowed, remaining, resetMs } = await limit.take(of(request));
    const seconds = Math.max(1, Math.ceil(resetMs / 1000));
    const said = (header: string, value: string): void => {
      const before = response.getHeader(header);
      response.setHeader(header, before === undefined ? value : `${String(before)}, ${value}`);
    };
    said('RateLimit-Policy', `"${name}";q=${perMinute};w=60`);
    said('RateLimit', `"${name}";r=${remaining};t=${seconds}`);
    if (!allowed)
      throw new SignalboxError('rate-limited', `More than ${perMinute} requests in a minute (${name})`, { retryAfterS: seconds });
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
