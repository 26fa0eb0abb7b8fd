import { isUtf8 } from 'node:buffer';
import type { NextFunction, Request, RequestHandler } from 'express';
import { type FieldError, SignalboxError } from '../errors.js';

/** Longest request body, bytes. */
const BODY_LIMIT = 256 * 1024;
/** Deepest nesting of a body. */
const DEPTH_LIMIT = 32;
/** Names that would reach into the prototype of the object they are assigned to. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Reads a JSON body: at most 256 kB, never inflated, at most 32 levels deep, without names that could reach a
 * prototype and without NUL. Throws a problem that names the place. No body at all leaves `request.body` undefined.
 *
 * Done here and not by `express.json`, which handles encodings, types and hooks that we refuse anyway.
 */
export const jsonBody: RequestHandler = (request, _response, next) => {
  const { headers } = request;
  const type = headers['content-type'];
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  if (!hasBody || type === undefined) {
    next();
    return;
  }
  const refusal = refusalOf(type, headers['content-encoding']);
  if (refusal === null) read(request, next);
  else next(refusal);
};

function refusalOf(type: string, encoding = 'identity'): SignalboxError | null {
  if (!/^application\/json\s*(?:;|$)/i.test(type)) {
    return new SignalboxError('unsupported-media-type', 'Send the body as application/json');
  }
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1] ?? 'utf-8';
  if (charset.toLowerCase() !== 'utf-8' || encoding.toLowerCase() !== 'identity') {
    return new SignalboxError('unsupported-media-type', 'The body must be plain UTF-8 JSON without Content-Encoding');
  }
  return null;
}

function read(request: Request, next: NextFunction): void {
  const chunks: Buffer[] = [];
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    // Too much is read to its end and dropped: a client that is still sending does not hear an answer.
    if (length <= BODY_LIMIT) chunks.push(chunk);
  });
  request.once('end', () => {
    try {
      if (length > BODY_LIMIT) throw tooLarge();
      const bytes = Buffer.concat(chunks, length);
      // Replaced silently, what was stored would not be what was sent.
      if (!isUtf8(bytes)) throw malformed('must be UTF-8');
      request.body = parse(bytes.toString('utf8'));
    } catch (error) {
      next(error);
      return;
    }
    next();
  });
}

function tooLarge(): SignalboxError {
  return new SignalboxError('payload-too-large', `The body is larger than ${BODY_LIMIT} bytes`, {
    fields: [{ pointer: '', detail: `must be at most ${BODY_LIMIT} bytes` }],
  });
}

/** @throws SignalboxError `malformed-json`, or `invalid-request` naming the place */
function parse(text: string): unknown {
  const body = parseJson(text);
  const problem = inspect(body, '', 1);
  if (problem !== null) throw new SignalboxError('invalid-request', `${problem.pointer} ${problem.detail}`, { fields: [problem] });
  return body;
}

function parseJson(text: string): unknown {
  // Nothing is nothing, not an empty object: where that would replace all, a body lost on its way must not pass for it.
  if (text === '') return undefined;
  try {
    // A byte order mark is allowed to be there.
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  } catch {
    throw malformed('must be valid JSON');
  }
}

function malformed(detail: string): SignalboxError {
  return new SignalboxError('malformed-json', 'The body is not valid JSON', { fields: [{ pointer: '', detail }] });
}

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
