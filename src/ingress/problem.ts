import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import type { z } from 'zod';
import { ERRORS, type ErrorCode, type FieldError, SignalboxError } from '../errors.js';

/** An RFC 9457 problem, as every error answer is. */
interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: ErrorCode;
  readonly requestId: string;
  readonly errors: readonly FieldError[];
}

/** How to show who one is (RFC 6750). */
const CHALLENGE = 'Bearer realm="signalbox"';

/** Told of errors that are ours: they are logged, and the client learns only that there was one. */
export type OnInternalError = (error: unknown, requestId: string) => void;

function send(response: Response, error: SignalboxError, instance: string): void {
  const requestId = String(response.getHeader('X-Request-Id') ?? '');
  const problem: Problem = {
    type: `urn:signalbox:problem:${error.code}`,
    title: ERRORS[error.code].title,
    status: error.status,
    detail: error.message,
    instance,
    code: error.code,
    requestId,
    errors: error.fields,
  };
  if (error.retryable) response.setHeader('Retry-After', String(Math.max(1, Math.ceil(error.retryAfterS ?? 1))));
  if (error.code === 'unauthorized' && !response.hasHeader('WWW-Authenticate')) response.setHeader('WWW-Authenticate', CHALLENGE);
  response.status(error.status).type('application/problem+json').send(JSON.stringify(problem));
}

/** A JSON pointer (RFC 6901) to where in the body something is wrong. */
function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replace(/~/g, '~0').replace(/\//g, '~1')}`).join('');
}

/** Turns what a schema found into one error that names every field: `/field` of a body, `?name` of a query. */
export function invalid(error: z.ZodError, of: 'body' | 'query' = 'body'): SignalboxError {
  const place = (path: readonly PropertyKey[]): string => (of === 'body' ? pointerOf(path) : `?${path.map(String).join('.')}`);
  const fields = error.issues.flatMap((issue): FieldError[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ pointer: place([...issue.path, key]), detail: 'is not a known field' }));
    }
    const missing = issue.code === 'invalid_type' && issue.input === undefined && issue.message.includes('received undefined');
    return [{ pointer: place(issue.path), detail: missing ? 'is required' : issue.message }];
  });
  const [first] = fields;
  const detail = first === undefined ? 'The request is not valid' : `${first.pointer === '' ? 'The body' : first.pointer} ${first.detail}`;
  return new SignalboxError('invalid-request', detail, { fields });
}

/** @throws SignalboxError `invalid-request` naming each field */
export function parse<T extends z.ZodType>(schema: T, value: unknown, of: 'body' | 'query' = 'body'): z.output<T> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalid(parsed.error, of);
  return parsed.data;
}

/** The last handler: every error becomes a problem. */
export function problemHandler(onInternalError: OnInternalError): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const known = error instanceof SignalboxError ? error : fromRouter(error);
    if (known === null) {
      onInternalError(error, String(response.getHeader('X-Request-Id') ?? ''));
      send(response, new SignalboxError('internal', 'The error has been logged under the request id'), request.path);
      return;
    }
    send(response, known, request.path);
  };
}

/** A path with a broken percent-encoding is the client's mistake. */
function fromRouter(error: unknown): SignalboxError | null {
  return error instanceof URIError ? new SignalboxError('invalid-request', 'The path is not properly encoded') : null;
}

export const notFound: RequestHandler = (request, _response, next) => {
  next(new SignalboxError('not-found', `There is nothing at ${request.method} ${request.path}`));
};
