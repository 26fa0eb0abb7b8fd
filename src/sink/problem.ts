import type { ErrorRequestHandler, Response } from 'express';
import type { z } from 'zod';
import { ERRORS, type ErrorCode, type FieldError } from '../errors.js';

/** An RFC 9457 problem, as the API's errors are; written anew here, since the sink knows nothing of the API. */
export function sendProblem(response: Response, code: ErrorCode, detail: string, errors: readonly FieldError[] = []): void {
  const { status, title } = ERRORS[code];
  const problem = { type: `urn:signalbox:problem:${code}`, title, status, detail, code, errors };
  response.status(status).type('application/problem+json').send(JSON.stringify(problem));
}

/** Names every place where a body, or a query, is not as it must be. */
export function sendInvalid(response: Response, error: z.ZodError, where: 'body' | 'query'): void {
  const errors = error.issues
    .flatMap((issue) => fieldErrors(issue, []))
    .map(({ path, detail }) => ({ pointer: pointerTo(path, where), detail }));
  const [first] = errors;
  sendProblem(response, 'invalid-request', `${first?.pointer || 'The body'}: ${first?.detail ?? 'not valid'}`, errors);
}

interface Flaw {
  readonly path: readonly PropertyKey[];
  readonly detail: string;
}

function fieldErrors(issue: z.core.$ZodIssue, parent: readonly PropertyKey[]): Flaw[] {
  const path = [...parent, ...issue.path];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ path: [...path, key], detail: 'is not a known field' }));
  if (issue.code === 'invalid_union') {
    // The alternative that was meant is the one whose flaw lies inside of it.
    const meant = issue.errors.find((issues) => issues.some((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys'));
    if (meant !== undefined) return meant.flatMap((inner) => fieldErrors(inner, path));
  }
  return [{ path, detail: issue.message }];
}

/** An RFC 6901 pointer into the body, or `?name`. */
function pointerTo(path: readonly PropertyKey[], where: 'body' | 'query'): string {
  if (where === 'query') return `?${path.map(String).join('.')}`;
  return path.map((part) => `/${String(part).replace(/~/g, '~0').replace(/\//g, '~1')}`).join('');
}

const CODE_BY_STATUS = new Map<number, ErrorCode>([
  [413, 'payload-too-large'],
  [415, 'unsupported-media-type'],
]);

/** What express and its body parser throw: unreadable JSON, a body that is too large, a path that cannot be decoded. */
export const problemOf: ErrorRequestHandler = (error: Error & { status?: number; type?: string }, _request, response, _next) => {
  const status = error instanceof RangeError ? 400 : (error.status ?? 500);
  if (status >= 500) return sendProblem(response, 'internal', 'Something went wrong in the sink');
  const code = error.type === 'entity.parse.failed' ? 'malformed-json' : (CODE_BY_STATUS.get(status) ?? 'invalid-request');
  sendProblem(response, code, error.message, [{ pointer: '', detail: error.message }]);
};
