import type { Redis as Client, Result } from 'ioredis';
import type { Chance } from '../../ports/chance.js';
import { BURST_MIN, type Rates, SAVED_UP } from '../../ports/rates.js';
import type { Guard } from './connection.js';

/** How late each comes at most, as a share of the distance between two turns: as in one process. */
const JITTER = 0.5;

/**
 * KEYS[1]  the provider's bucket: a hash of `tokens`, as of `at`, and `line`, when the turn of the last one in line comes;
 *          times in milliseconds on the server's clock. A key that has run out is a full bucket with nobody in line.
 * ARGV[1]  calls a second
 * ARGV[2]  '1': the caller comes because its turn has come
 * ARGV[3]  calls that may be saved up
 * ARGV[4]  milliseconds by which this one comes late, should it have to wait
 * returns  -1: go ahead; else milliseconds until the caller's turn, and nothing was taken
 */
const TAKE = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local apart = 1000 / tonumber(ARGV[1])
local burst = tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'line')
local tokens = kept[1] and tonumber(kept[1]) or burst
local at = kept[2] and tonumber(kept[2]) or now
local line = kept[3] and tonumber(kept[3]) or now
if at > now then -- the server's clock went back: the line goes with it, or everybody would wait for the difference
  line = line - (at - now)
  at = now
end
tokens = math.min(burst, tokens + (now - at) / apart)
local answer = -1
if tokens > 0.999 and (ARGV[2] == '1' or line <= now) then -- not 1: numbers are rounded when they are kept
  tokens = math.max(0, tokens - 1)
else
  line = math.max(line + apart, now + (1 - tokens) * apart)
  answer = math.ceil(line - now + tonumber(ARGV[4]))
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.3f', now), 'line', string.format('%.3f', line))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil(math.max(line - now, burst * apart)) + 1000))
return answer
`;

declare module 'ioredis' {
  interface RedisCommander<Context> {
    takeRate(key: string, perSecond: number, inLine: 0 | 1, burst: number, lateMs: number): Result<number, Context>;
  }
}

interface Deps {
  readonly client: Client;
  readonly chance: Chance;
  readonly guard: Guard;
  /** Rates of this process alone. */
  readonly fallback: Rates;
}

/**
 * Rates that all processes take from together: the same bucket and line as in one process, kept by the server and moved by one
 * script, on its clock. While the server does not answer each process goes by its own; what stood in line comes at its turn all
 * the same, since the turns stand in the deliveries.
 */
export function createSharedRates({ client, chance, guard, fallback }: Deps): Rates {
  client.defineCommand('takeRate', { numberOfKeys: 1, lua: TAKE });
  return {
    async take(provider, perSecond, inLine) {
      if (perSecond === undefined) return null;
      const lateMs = (chance.next() * JITTER * 1000) / perSecond;
      try {
        const burst = Math.max(BURST_MIN, SAVED_UP * perSecond);
        const waitMs = await guard(() => client.takeRate(`signalbox:rate:${provider}`, perSecond, inLine ? 1 : 0, burst, lateMs));
        return waitMs < 0 ? null : waitMs;
      } catch {
        return fallback.take(provider, perSecond, inLine);
      }
    },
  };
}
