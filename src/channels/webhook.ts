import { Webhook } from 'standardwebhooks';
import type { Agent } from 'undici';
import type { Channel, Effect } from '../ports/channel.js';
import type { Clock, Timers } from '../ports/clock.js';
import { AddressRefusedError, type ConnectGuard, type ConnectGuardOptions, connectGuard, hostAndPort } from './connect-guard.js';
import { BODY_MS, correlationHeaders, exchange } from './http-exchange.js';
import { abortedOutcome, failureOutcome, statusOutcome } from './http-outcome.js';

export interface WebhookChannelOptions extends Pick<ConnectGuardOptions, 'requireHttps' | 'allow' | 'resolve'> {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Standard Webhooks secrets, `whsec_` and base64. The first is the current one; more while receivers change over. */
  readonly secrets: readonly string[];
  /** Milliseconds until the connection stands. Default: 5,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds from the request's end to the answer's header. Default: 15,000. */
  readonly headersTimeoutMs?: number;
  /** Connections to one host at a time. Default: 32. */
  readonly connectionsPerHost?: number;
  /** Requests that may begin in a second at one host. Default: no limit. */
  readonly ratePerSecond?: number;
}

const CONNECTIONS_PER_HOST = 32;

/**
 * Webhooks after the Standard Webhooks specification.
 *
 * `webhook-id` is the operation id and the body is the same byte for byte over all attempts, so a receiver that keeps
 * ids absorbs repeats: the class is `idempotent`, and an unknown outcome is simply sent again.
 */
export function webhookChannel(options: WebhookChannelOptions): Channel & { close(): Promise<void> } {
  const signers = options.secrets.map((secret) => new Webhook(secret));
  if (signers.length === 0) throw new TypeError('The webhook channel needs at least one secret');
  const guard = connectGuard({ ...options, connectTimeoutMs: options.connectTimeoutMs ?? 5000 });
  let opened: Promise<Agent> | undefined;
  // Loaded with the first webhook: undici takes 9 MB that a process without webhooks need not have.
  const open = async (): Promise<Agent> => {
    const { Agent, buildConnector } = await import('undici');
    return new Agent({
      connect: guard.connector(buildConnector),
      connections: options.connectionsPerHost ?? CONNECTIONS_PER_HOST,
      headersTimeout: options.headersTimeoutMs ?? 15_000,
      bodyTimeout: BODY_MS,
      keepAliveTimeout: 4000,
      pipelining: 1,
    });
  };
  return {
    name: 'webhook',
    effectClass: 'idempotent',
    concurrency: options.connectionsPerHost ?? CONNECTIONS_PER_HOST,
    ...(options.ratePerSecond === undefined ? {} : { ratePerSecond: options.ratePerSecond }),
    provider: (recipient) => (URL.canParse(recipient) ? hostAndPort(new URL(recipient)) : 'invalid'),
    close: async () => (await opened)?.destroy(),
    async send(effect, signal) {
      if (signal.aborted) return abortedOutcome(false);
      const url = checked(guard, effect.recipient);
      if (url === null) return failureOutcome('webhook', new AddressRefusedError(), false);
      opened ??= open();
      const agent = await opened;
      if (signal.aborted) return abortedOutcome(false);
      const body = JSON.stringify(payloadOf(effect));
      const headers = headersOf(effect, body, signers, new Date(options.clock.now()));
      const request = { origin: url.origin, path: url.pathname + url.search, method: 'POST', headers, body } as const;
      // Receivers' bodies say nothing to us: the status decides.
      const exchanged = await exchange(agent, request, signal, { timers: options.timers, keepBody: false });
      if (exchanged.kind === 'answered') return statusOutcome(exchanged.status, exchanged.retryAfter, options.clock.now());
      if (exchanged.kind === 'failed') return failureOutcome('webhook', exchanged.error, exchanged.begun);
      return abortedOutcome(exchanged.begun);
    },
  };
}

function checked(guard: ConnectGuard, recipient: string): URL | null {
  try {
    return guard.check(recipient);
  } catch {
    return null;
  }
}

/** What receivers get. `id` is the notification's; the delivery's own id is the `webhook-id` header. */
function payloadOf(effect: Effect): object {
  return {
    type: 'notification',
    id: effect.recordId,
    // When it was accepted, not when it is sent: the body must not change between attempts.
    timestamp: new Date(effect.acceptedAt).toISOString(),
    data: { subject: effect.subject, body: effect.body, data: effect.data, category: effect.category },
  };
}

function headersOf(effect: Effect, body: string, signers: readonly Webhook[], now: Date): Record<string, string> {
  return {
    'content-type': 'application/json',
    'user-agent': 'signalbox',
    'webhook-id': effect.operationId,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': signers.map((signer) => signer.sign(effect.operationId, now, body)).join(' '),
    ...correlationHeaders(effect.correlation),
  };
}
