import express, { type RequestHandler } from 'express';
import { type FieldError, SignalboxError } from '../errors.js';

/** Longest request body, bytes. */
const BODY_LIMIT = 256 * 1024;
/** Deepest nesting of a body. */
const DEPTH_LIMIT = 32;
/** Names that would reach into the prototype of the object they are assigned to. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

const parse = express.json({ limit: BODY_LIMIT, inflate: false, strict: true });

/**
 * Reads a JSON body: at most 256 kB, never inflated, at most 32 levels deep, without names that could reach a
 * prototype and without NUL. Throws a problem that names the place.
 */
export const jsonBody: RequestHandler = (request, response, next) => {
  if (request.headers['content-type'] !== undefined && request.is('application/json') === false) {
    next(new SignalboxError('unsupported-media-type', 'Send the body as application/json'));
    return;
  }
  parse(request, response, (error?: unknown) => {
    if (error !== undefined) {
      next(error);
      return;
    }
    const problem = inspect(request.body, '', 1);
    next(
      problem === null ? undefined : new SignalboxError('invalid-request', `${problem.pointer} ${problem.detail}`, { fields: [problem] }),
    );
  });
};

function inspect(value: unknown, pointer: string, depth: number): FieldError | null {
  if (typeof value === 'string') return value.includes('\u0000') ? { pointer, detail: 'must not contain NUL' } : null;
  if (typeof value !== 'object' || value === null) return null;
  if (depth > DEPTH_LIMIT) return { pointer, detail: `is nested deeper than ${DEPTH_LIMIT} levels` };
  for (const name of Object.keys(value)) {
    const place = `${pointer}/${name.replace(/~/g, '~0').replace(/\//g, '~1')}`;
    if (FORBIDDEN.has(name)) return { pointer: place, detail: 'is not an allowed name' };
    const problem = inspect((value as Record<string, unknown>)[name], place, depth + 1);
    if (problem !== null) return problem;
  }
  return null;
}
