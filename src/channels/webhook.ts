import { Webhook } from 'standardwebhooks';
import type { Agent, Dispatcher } from 'undici';
import type { Channel, Effect, Outcome } from '../ports/channel.js';
import type { Clock, Timer, Timers } from '../ports/clock.js';
import { AddressRefusedError, type ConnectGuard, type ConnectGuardOptions, connectGuard, hostAndPort } from './connect-guard.js';
import { abortedOutcome, failureOutcome, statusOutcome } from './webhook-outcome.js';

export interface WebhookChannelOptions extends Pick<ConnectGuardOptions, 'requireHttps' | 'allow' | 'resolve'> {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Standard Webhooks secrets, `whsec_` and base64. The first is the current one; more while receivers change over. */
  readonly secrets: readonly string[];
  /** Milliseconds until the connection stands. Default: 5,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds from the request's end to the answer's header. Default: 15,000. */
  readonly headersTimeoutMs?: number;
  /** Connections to one host at a time. Default: 16. */
  readonly connectionsPerHost?: number;
}

const CONNECTIONS_PER_HOST = 16;
/** Bytes of an answer's body that are read (and thrown away) to keep the connection; a longer answer costs the connection. */
const MAX_BODY_BYTES = 64 * 1024;
/** Milliseconds that the rest of an answer may take once its status is known. */
const BODY_MS = 2000;
const HEADER_SAFE = /^[\x21-\x7e]{1,200}$/;

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
    provider: (recipient) => (URL.canParse(recipient) ? hostAndPort(new URL(recipient)) : 'invalid'),
    close: async () => (await opened)?.destroy(),
    async send(effect, signal) {
      if (signal.aborted) return abortedOutcome(false);
      const url = checked(guard, effect.recipient);
      if (url === null) return failureOutcome(new AddressRefusedError(), false);
      opened ??= open();
      const agent = await opened;
      if (signal.aborted) return abortedOutcome(false);
      const body = JSON.stringify(payloadOf(effect));
      const headers = headersOf(effect, body, signers, new Date(options.clock.now()));
      return exchange(agent, { origin: url.origin, path: url.pathname + url.search, method: 'POST', headers, body }, signal, options);
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
  const { requestId, traceparent } = effect.correlation;
  return {
    'content-type': 'application/json',
    'user-agent': 'signalbox',
    'webhook-id': effect.operationId,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': signers.map((signer) => signer.sign(effect.operationId, now, body)).join(' '),
    ...(HEADER_SAFE.test(requestId) ? { 'x-request-id': requestId } : {}),
    ...(traceparent !== undefined && HEADER_SAFE.test(traceparent) ? { traceparent } : {}),
  };
}

/**
 * One request, one outcome. undici's low-level dispatch is used because it alone tells for certain whether a request was
 * begun: `onRequestStart` runs just before the first byte is written, and aborting there still keeps it from being written.
 */
function exchange(
  agent: Agent,
  request: Dispatcher.DispatchOptions,
  signal: AbortSignal,
  { clock, timers }: WebhookChannelOptions,
): Promise<Outcome> {
  return new Promise((resolve) => {
    let begun: Dispatcher.DispatchController | null = null;
    let settled = false;
    let bodyBytes = 0;
    const settle = (outcome: Outcome): void => {
      if (settled) return;
      settled = true;
      signal.removeEventListener('abort', abort);
      resolve(outcome);
    };
    const abort = (): void => {
      settle(abortedOutcome(begun !== null));
      begun?.abort(new Error('aborted'));
    };
    let bodyTimer: Timer | null = null;
    signal.addEventListener('abort', abort, { once: true });
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(controller) {
        if (settled) return controller.abort(new Error('aborted'));
        begun = controller;
      },
      onResponseStart(controller, status, headers) {
        if (status < 200) return;
        // The status decides; nobody waits for a body that nobody reads.
        const retryAfter = headers['retry-after'];
        settle(statusOutcome(status, Array.isArray(retryAfter) ? retryAfter[0] : retryAfter, clock.now()));
        bodyTimer = timers.after(BODY_MS, () => controller.abort(new Error('The answer takes too long')));
      },
      onResponseData(controller, chunk) {
        bodyBytes += chunk.length;
        if (bodyBytes > MAX_BODY_BYTES) controller.abort(new Error('The answer is too long'));
      },
      onResponseEnd: () => bodyTimer?.cancel(),
      onResponseError(_controller, error) {
        bodyTimer?.cancel();
        settle(failureOutcome(error, begun !== null));
      },
    };
    try {
      agent.dispatch(request, handler);
    } catch (error) {
      settle(failureOutcome(error as Error, false));
    }
  });
}
