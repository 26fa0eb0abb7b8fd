import type { Agent, Dispatcher } from 'undici';
import type { Timer, Timers } from '../ports/clock.js';

/**
 * What is known of one request.
 * - `answered`: a status came. `body`: what was asked to be kept of it, null where it did not come whole, in time and in bounds.
 * - `failed`, `aborted`: none came. `begun`: whether a byte of the request may have left.
 */
export type Exchanged =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfter: string | undefined; readonly body: string | null }
  | { readonly kind: 'failed'; readonly error: Error & { code?: string }; readonly begun: boolean }
  | { readonly kind: 'aborted'; readonly begun: boolean };

export interface ExchangeOptions {
  readonly timers: Timers;
  /** Wait for the answer's body as well. Else the status alone decides, and nobody waits for what nobody reads. */
  readonly keepBody: boolean;
}

/** Bytes of an answer's body that are read; a longer answer costs the connection. */
const MAX_BODY_BYTES = 64 * 1024;
/** Milliseconds that the rest of an answer may take once its status is known. */
export const BODY_MS = 2000;

/** What can stand in a header as it is. */
const HEADER_SAFE = /^[\x21-\x7e]{1,200}$/;

/** The headers that carry a request's correlation on to a receiver. */
export function correlationHeaders({ requestId, traceparent }: { readonly requestId: string; readonly traceparent?: string }) {
  return {
    ...(HEADER_SAFE.test(requestId) ? { 'x-request-id': requestId } : {}),
    ...(traceparent !== undefined && HEADER_SAFE.test(traceparent) ? { traceparent } : {}),
  };
}

/**
 * One request, one answer; never rejects. undici's low-level dispatch is used because it alone tells for certain whether
 * a request was begun: `onRequestStart` runs just before the first byte is written, and aborting there still keeps it
 * from being written.
 */
export function exchange(
  agent: Agent,
  request: Dispatcher.DispatchOptions,
  signal: AbortSignal,
  options: ExchangeOptions,
): Promise<Exchanged> {
  return new Promise((resolve) => {
    const one = new Exchange(options, signal, resolve);
    try {
      agent.dispatch(request, one);
    } catch (error) {
      one.onResponseError(null, error as Error);
    }
  });
}

class Exchange implements Dispatcher.DispatchHandler {
  #begun: Dispatcher.DispatchController | null = null;
  #settled = false;
  #answer: { readonly status: number; readonly retryAfter: string | undefined } | null = null;
  #bodyTimer: Timer | null = null;
  #bodyBytes = 0;
  readonly #chunks: Buffer[] = [];
  readonly #abort = (): void => {
    this.#settle(null);
    this.#begun?.abort(new Error('aborted'));
  };

  constructor(
    private readonly options: ExchangeOptions,
    private readonly signal: AbortSignal,
    private readonly resolve: (exchanged: Exchanged) => void,
  ) {
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#settled) controller.abort(new Error('aborted'));
    else this.#begun = controller;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (status < 200) return;
    const retryAfter = headers['retry-after'];
    this.#answer = { status, retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter };
    if (!this.options.keepBody) this.#settle(null);
    this.#bodyTimer = this.options.timers.after(BODY_MS, () => controller.abort(new Error('The answer takes too long')));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bodyBytes += chunk.length;
    if (this.#bodyBytes > MAX_BODY_BYTES) controller.abort(new Error('The answer is too long'));
    else if (this.options.keepBody) this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#bodyTimer?.cancel();
    this.#settle(null, Buffer.concat(this.#chunks).toString());
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#bodyTimer?.cancel();
    this.#settle(error);
  }

  /** Once a status is known it stands, whatever becomes of the rest. */
  #settle(error: Error | null, body: string | null = null): void {
    if (this.#settled) return;
    this.#settled = true;
    this.signal.removeEventListener('abort', this.#abort);
    const begun = this.#begun !== null;
    if (this.#answer !== null) this.resolve({ kind: 'answered', ...this.#answer, body });
    else this.resolve(error === null ? { kind: 'aborted', begun } : { kind: 'failed', error, begun });
  }
}
