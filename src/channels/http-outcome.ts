import type { Outcome } from '../ports/channel.js';

/** The longest wait that a receiver may ask for, milliseconds. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Statuses that say "not now". */
const RETRYABLE = new Set([408, 425, 429]);

/** What a receiver's status means. `retryAfter`: its Retry-After header; `now`: milliseconds since the epoch, for dates in it. */
export function statusOutcome(status: number, retryAfter: string | undefined, now: number): Outcome {
  if (status >= 200 && status < 300) return { kind: 'done' };
  if (status >= 300 && status < 400) {
    return { kind: 'dead', failure: { code: 'redirect', message: `The receiver answered ${status}; redirects are not followed` } };
  }
  const failure = { code: `http_${status}`, message: `The receiver answered ${status}` };
  if (status < 500 && !RETRYABLE.has(status)) return { kind: 'dead', failure };
  const afterMs = parseRetryAfter(retryAfter, now);
  return {
    kind: 'retry',
    failure,
    ...(afterMs === null ? {} : { afterMs }),
    ...(status === 429 ? { throttled: true } : {}),
  };
}

/** Milliseconds to wait by a Retry-After header in seconds or as an HTTP date, at most an hour; null when there is none to understand. */
function parseRetryAfter(value: string | undefined, now: number): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
  // Date.parse reads much that is no HTTP date ("1", "2026"); all of those forms begin with a day's name.
  const at = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.min(Math.max(at - now, 0), MAX_RETRY_AFTER_MS);
}

/** Codes of undici for running out of time. */
const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);

/**
 * What a failure without a status means. Before the request was begun to be written nothing can have happened; after,
 * only a status line tells, and a malformed one is no status line. `channel` begins the codes.
 */
export function failureOutcome(channel: string, error: Error & { code?: string }, requestBegun: boolean): Outcome {
  if (error.code === 'ADDRESS_REFUSED') return { kind: 'dead', failure: { code: `${channel}_address_refused`, message: error.message } };
  const late = TIMEOUTS.has(error.code ?? '');
  if (requestBegun) {
    return late
      ? { kind: 'unknown', failure: { code: `${channel}_timeout`, message: 'The receiver did not answer in time' } }
      : { kind: 'unknown', failure: { code: `${channel}_reply_lost`, message: 'The connection was lost before the receiver answered' } };
  }
  return { kind: 'retry', failure: { code: `${channel}_unreachable`, message: 'No connection to the receiver could be made' } };
}

/** What is left to say when the caller's signal fired. */
export function abortedOutcome(requestBegun: boolean): Outcome {
  return { kind: requestBegun ? 'unknown' : 'retry', failure: { code: 'aborted', message: 'The attempt was called off' } };
}
