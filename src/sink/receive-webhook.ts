import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Step } from './behaviour.js';
import type { Received, Sink } from './sink.js';
import { type SignatureVerdict, signatureVerifier } from './verify-signature.js';

/** Bytes of a webhook's body that are taken. */
const MAX_BODY_BYTES = 1024 * 1024;
/** Characters of a body that are shown. */
export const EXCERPT_LENGTH = 300;

/** Receives one webhook and answers it as scripted. Works on a bare node:http request as well as on an express one. */
export type WebhookReceiver = (request: IncomingMessage & { body?: unknown }, response: ServerResponse, name: string) => Promise<void>;

export function webhookReceiver(sink: Sink): WebhookReceiver {
  const verify = signatureVerifier(sink.secrets);
  return async (request, response, name) => {
    const step = sink.behaviours.next('webhook', name);
    if (step.do === 'refuse') {
      sink.record(receivedFrom(request, name, '', step, 'unchecked'));
      request.socket.destroy();
      return;
    }
    const body = await readBody(request);
    if (body === null) return answer(response, 413, { title: 'The body is too large', errors: [] });
    sink.record(receivedFrom(request, name, body, step, verify(request.headers, body, sink.clock.now())));
    reply(sink, request, response, step);
  };
}

/** Answers as scripted; `more` is added to the answer of what was taken. */
export function reply(sink: Sink, request: IncomingMessage, response: ServerResponse, step: Step, more: object = {}): void {
  // `ok`: what those look for who take us for a chat, and call anything else a failure.
  const taken = { received: true, ok: true, ...more };
  switch (step.do) {
    case 'status':
      answer(response, step.status ?? 200, isTaken(step) ? taken : { received: false }, step.retryAfterS);
      return;
    case 'delay': {
      const timer = sink.timers.after(step.delayMs ?? 0, () => answer(response, 200, taken));
      response.once('close', () => timer.cancel());
      return;
    }
    case 'hang': {
      const forget = sink.hold(() => request.socket.destroy());
      response.once('close', forget);
      return;
    }
    case 'drop-reply':
      request.socket.destroy();
      return;
    case 'ok':
    case 'refuse':
      answer(response, 200, taken);
  }
}

export function answer(response: ServerResponse, status: number, body: object, retryAfterS?: number): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': status === 204 || status === 304 ? 0 : bytes.length,
    ...(retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) }),
    // Somewhere to go for whoever follows redirects although they must not.
    ...(status >= 300 && status < 400 ? { location: '/sink/webhook/redirected' } : {}),
  });
  response.end(bytes);
}

/** Whether a receiver that answers like this acts on what it got. */
export function isTaken(step: Step): boolean {
  if (step.do === 'refuse') return false;
  return step.do !== 'status' || (step.status ?? 200) < 300;
}

/** The answer, as it is shown. */
export function answerOf(step: Step, okStatus: number): string {
  if (step.do === 'status') return String(step.status ?? okStatus);
  return step.do === 'ok' || step.do === 'delay' ? String(okStatus) : step.do;
}

function receivedFrom(request: IncomingMessage, name: string, body: string, step: Step, signature: SignatureVerdict): Received {
  const { subject, excerpt } = contentOf(body);
  return {
    channel: 'webhook',
    target: name,
    operationId: header(request, 'webhook-id'),
    subject,
    excerpt,
    requestId: header(request, 'x-request-id'),
    signature,
    answer: answerOf(step, 200),
    taken: isTaken(step),
  };
}

function contentOf(body: string): { readonly subject: string | null; readonly excerpt: string } {
  try {
    const { data } = JSON.parse(body) as { data?: { subject?: unknown; body?: unknown } };
    if (typeof data?.body === 'string') {
      return { subject: typeof data.subject === 'string' ? data.subject : null, excerpt: data.body.slice(0, EXCERPT_LENGTH) };
    }
  } catch {
    // Not ours; shown as it came.
  }
  return { subject: null, excerpt: body.slice(0, EXCERPT_LENGTH) };
}

export function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
}

/** null when it is too large. */
export async function readBody(request: IncomingMessage & { body?: unknown }): Promise<string | null> {
  // A body parser before us has taken the bytes; then the signature is checked over what can be put together again.
  if (request.readableEnded) return Buffer.isBuffer(request.body) ? request.body.toString() : JSON.stringify(request.body ?? null);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
