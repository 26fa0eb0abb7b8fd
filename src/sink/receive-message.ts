import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Step } from './behaviour.js';
import { answer, answerOf, EXCERPT_LENGTH, header, isTaken, readBody, reply } from './receive-webhook.js';
import type { Received, Sink } from './sink.js';

/** What an SMS or a push provider is told, as far as the sink shows it. */
interface Message {
  readonly target: string;
  readonly subject: string | null;
  readonly text: string;
}

/** Stands in for an SMS or a push provider: one message, answered as scripted for its number or token. */
export type MessageReceiver = (request: IncomingMessage & { body?: unknown }, response: ServerResponse) => Promise<void>;

const READ = { sms: smsOf, push: pushOf } as const;

export const MESSAGE_CHANNELS = ['sms', 'push'] as const;

export function messageReceiver(sink: Sink, channel: (typeof MESSAGE_CHANNELS)[number]): MessageReceiver {
  return async (request, response) => {
    const body = await readBody(request);
    if (body === null) return answer(response, 413, { title: 'The body is too large', errors: [] });
    const message = READ[channel](fieldsOf(body));
    if (message === null)
      return answer(response, 400, { title: `Not ${channel === 'sms' ? 'an SMS' : 'a push notification'}`, errors: [] });
    const operationId = header(request, 'idempotency-key');
    const step = sink.behaviours.next(channel, message.target);
    sink.record(receivedFrom(channel, message, operationId, header(request, 'x-request-id'), step));
    if (step.do === 'refuse') request.socket.destroy();
    // The same id for a repeat, as a provider that keeps keys would answer.
    else reply(sink, request, response, step, { id: `sink-${channel}-${(operationId ?? 'none').slice(0, 32)}` });
  };
}

function receivedFrom(
  channel: Received['channel'],
  { target, subject, text }: Message,
  operationId: string | null,
  requestId: string | null,
  step: Step,
): Received {
  return {
    channel,
    target,
    operationId,
    subject,
    excerpt: text.slice(0, EXCERPT_LENGTH),
    requestId,
    signature: 'unchecked',
    answer: answerOf(step, 200),
    taken: isTaken(step),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function smsOf({ to, text }: Fields): Message | null {
  return typeof to === 'string' && typeof text === 'string' ? { target: to, subject: null, text } : null;
}

function pushOf({ token, title, body }: Fields): Message | null {
  if (typeof token !== 'string' || typeof body !== 'string') return null;
  return { target: token, subject: typeof title === 'string' ? title : null, text: body };
}

function fieldsOf(body: string): Fields {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Fields) : {};
  } catch {
    return {};
  }
}
