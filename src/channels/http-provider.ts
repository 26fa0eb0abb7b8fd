import type { Agent } from 'undici';
import type { Channel, Effect, EffectClass, Outcome } from '../ports/channel.js';
import type { Clock, Timers } from '../ports/clock.js';
import { BODY_MS, correlationHeaders, type Exchanged, exchange } from './http-exchange.js';
import { abortedOutcome, failureOutcome, statusOutcome } from './http-outcome.js';

export interface HttpProviderOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Where messages are posted to. Asked for with each message: our own sink's port is known only once it listens. */
  readonly endpoint: () => string;
  /** Sent as `Authorization: Bearer …`; null: none. */
  readonly token: string | null;
  /** `idempotent` where the provider absorbs a repeat under the same Idempotency-Key, else `neither`. */
  readonly effectClass: Exclude<EffectClass, 'queryable'>;
  /** Requests that may begin in a second. Default: no limit. */
  readonly ratePerSecond?: number;
  /** Milliseconds until the connection stands. Default: 5,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds from the request's end to the answer's header. Default: 15,000. */
  readonly headersTimeoutMs?: number;
}

export type HttpProviderChannel = Channel & { close(): Promise<void> };

/** What one kind of provider is told, and what its answers mean beyond their status. */
export interface HttpDialect {
  /** Name of the channel; begins the codes of its failures. */
  readonly name: string;
  /** The body of the request, the same over all attempts; or the outcome of what cannot be sent at all. */
  message(effect: Effect): { readonly body: object } | { readonly outcome: Outcome };
  /** Another outcome than the status alone would give; undefined where there is none. */
  readonly refusals?: ReadonlyMap<number, Outcome>;
}

const CONNECTIONS = 16;
/** A gateway's word that it has none from the provider behind it, which may have acted. */
const FROM_A_GATEWAY = new Set([502, 504]);
/** What may be kept of a provider's own id for a message. */
const RECEIPT = /^[A-Za-z0-9._:@+/=-]{1,200}$/;
const RECEIPT_FIELDS = ['id', 'messageId', 'sid'] as const;

/**
 * A provider that takes messages as JSON over HTTP. It is the operator's choice, so unlike a webhook's receiver it may
 * be anywhere, also inside of the network.
 */
export function httpProvider(options: HttpProviderOptions, dialect: HttpDialect): HttpProviderChannel {
  let opened: Promise<Agent> | undefined;
  // Loaded with the first message, as the webhook channel does it.
  const open = async (): Promise<Agent> => {
    const { Agent } = await import('undici');
    return new Agent({
      connect: { timeout: options.connectTimeoutMs ?? 5000 },
      connections: CONNECTIONS,
      headersTimeout: options.headersTimeoutMs ?? 15_000,
      bodyTimeout: BODY_MS,
      keepAliveTimeout: 4000,
      pipelining: 1,
    });
  };
  return {
    name: dialect.name,
    effectClass: options.effectClass,
    concurrency: CONNECTIONS,
    ...(options.ratePerSecond === undefined ? {} : { ratePerSecond: options.ratePerSecond }),
    // With the channel's name, or what fails at one of two channels behind the same host would stop the other.
    provider: () => `${dialect.name}:${new URL(options.endpoint()).host}`,
    close: async () => (await opened)?.destroy(),
    async send(effect, signal) {
      if (signal.aborted) return abortedOutcome(false);
      const message = dialect.message(effect);
      if ('outcome' in message) return message.outcome;
      opened ??= open();
      const agent = await opened;
      if (signal.aborted) return abortedOutcome(false);
      const url = new URL(options.endpoint());
      const request = {
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'POST',
        headers: headersOf(effect, options.token),
        body: JSON.stringify(message.body),
      } as const;
      return outcomeOf(await exchange(agent, request, signal, { timers: options.timers, keepBody: true }), dialect, options.clock);
    },
  };
}

function headersOf(effect: Effect, token: string | null): Record<string, string> {
  return {
    'content-type': 'application/json',
    accept: 'application/json',
    'user-agent': 'signalbox',
    'idempotency-key': effect.operationId,
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...correlationHeaders(effect.correlation),
  };
}

function outcomeOf(exchanged: Exchanged, { name, refusals }: HttpDialect, clock: Clock): Outcome {
  if (exchanged.kind === 'aborted') return abortedOutcome(exchanged.begun);
  if (exchanged.kind === 'failed') return failureOutcome(name, exchanged.error, exchanged.begun);
  const { status, retryAfter, body } = exchanged;
  const refusal = refusals?.get(status);
  if (refusal !== undefined) return refusal;
  if (FROM_A_GATEWAY.has(status)) {
    return { kind: 'unknown', failure: { code: `http_${status}`, message: `A gateway answered ${status} in the provider’s place` } };
  }
  const outcome = statusOutcome(status, retryAfter, clock.now());
  const receipt = outcome.kind === 'done' ? receiptIn(body) : null;
  return receipt === null ? outcome : { kind: 'done', receipt };
}

/** The provider's id for the message, where its answer is JSON and names one that is fit to be kept. */
function receiptIn(body: string | null): string | null {
  try {
    const answer: unknown = JSON.parse(body ?? 'null');
    if (typeof answer !== 'object' || answer === null) return null;
    const fields = answer as Readonly<Record<string, unknown>>;
    const found = RECEIPT_FIELDS.map((field) => fields[field]).find((value) => typeof value === 'string' && RECEIPT.test(value));
    return typeof found === 'string' ? found : null;
  } catch {
    return null;
  }
}
