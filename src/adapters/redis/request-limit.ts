import type { Redis as Client } from 'ioredis';
import type { RequestLimit, RequestVerdict } from '../../ports/request-limit.js';
import type { Guard } from './connection.js';

const WINDOW_S = 60;

/** Requests per client and minute, counted over all processes. */
export async function createSharedLimit(client: Client, guard: Guard, perMinute: number, own: RequestLimit): Promise<RequestLimit> {
  const { RateLimiterRedis, RateLimiterRes } = await import('rate-limiter-flexible');
  const limiter = new RateLimiterRedis({ storeClient: client, keyPrefix: 'signalbox:requests', points: perMinute, duration: WINDOW_S });

  const ask = async (key: string): Promise<RequestVerdict> => {
    try {
      const { remainingPoints, msBeforeNext } = await limiter.consume(key);
      return { allowed: true, remaining: remainingPoints, resetMs: msBeforeNext };
    } catch (refusal) {
      // A refusal is an answer; only what is an error says something about the server.
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      return { allowed: false, remaining: 0, resetMs: refusal.msBeforeNext };
    }
  };
  return { take: (key) => guard(() => ask(key)).catch(() => own.take(key)) };
}
