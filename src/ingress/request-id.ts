import type { RequestHandler, Response } from 'express';
import type { Ids } from '../ports/chance.js';
import type { Correlation } from '../ports/record.js';

const REQUEST_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
/** W3C Trace Context, version 00. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * Gives every request an id: the client's `X-Request-Id` where it is one, else a new one. It goes back in the answer,
 * into the record, every log line about it, and the provider call. A valid `traceparent` goes the same way.
 */
export function requestId(ids: Ids): RequestHandler {
  return (request, response, next) => {
    const given = request.headers['x-request-id'];
    const id = typeof given === 'string' && REQUEST_ID.test(given) ? given : ids.next();
    const trace = request.headers.traceparent;
    const correlation: Correlation =
      typeof trace === 'string' && TRACEPARENT.test(trace) ? { requestId: id, traceparent: trace } : { requestId: id };
    response.locals.correlation = correlation;
    response.setHeader('X-Request-Id', id);
    next();
  };
}

/** The correlation of the request that this response answers. */
export function correlationOf(response: Response): Correlation {
  const correlation: unknown = response.locals.correlation;
  // Set by the middleware above before any route runs.
  return correlation as Correlation;
}
