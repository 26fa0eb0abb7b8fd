import type { Correlation, Failure } from './record.js';

/**
 * What came of handling a delivery. A handler returns it and never settles.
 * - `done`: the effect happened. `receipt`: the provider's own id for it.
 * - `retry`: known not to have happened; try again, not before `afterMs` where the provider said so (Retry-After).
 *   `throttled`: the provider asked us to slow down; uses up no retry.
 * - `dead`: known not to have happened, and trying again cannot help.
 * - `defer`: not done yet, and nothing is wrong: go on after `afterMs`. For work that goes in steps; uses up no retry.
 * - `unknown`: may or may not have happened (a timeout after the content was handed over, a lost reply).
 */
export type Outcome =
  | { readonly kind: 'done'; readonly receipt?: string }
  | { readonly kind: 'retry'; readonly failure: Failure; readonly afterMs?: number; readonly throttled?: boolean }
  | { readonly kind: 'dead'; readonly failure: Failure }
  | { readonly kind: 'defer'; readonly rule: string; readonly afterMs: number }
  | { readonly kind: 'unknown'; readonly failure: Failure };

/**
 * What a provider can promise about an effect whose outcome we lost:
 * - `idempotent`: absorbs a second send under the same operation id; an unknown outcome is sent again.
 * - `queryable`: can be asked what became of an operation id; asked first.
 * - `neither`: an unknown outcome is held for a person or a policy.
 */
export type EffectClass = 'idempotent' | 'queryable' | 'neither';

/** One effect, ready to be brought about. */
export interface Effect {
  /** Constant over all attempts; the provider's idempotency key. */
  readonly operationId: string;
  readonly tenant: string;
  readonly recordId: string;
  readonly userId: string | null;
  readonly recipient: string;
  readonly subject: string | null;
  readonly body: string;
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly category: string | null;
  /** Where the recipient can say that they want no more of this; null where they may not. Constant over all attempts. */
  readonly unsubscribeUrl: string | null;
  readonly acceptedAt: number;
  readonly attempt: number;
  readonly correlation: Correlation;
}

/** A way to a recipient through one kind of provider. Holds no state of its own about effects. */
export interface Channel {
  readonly name: string;
  readonly effectClass: EffectClass;
  /** Calls at a time that a provider of this channel can really take; a delivery waits for its place before its intent. Left out: no limit. */
  readonly concurrency?: number;
  /** Calls that may begin in a second at one provider, here in this process. Left out: no limit. Waiting for it costs no attempt. */
  readonly ratePerSecond?: number;
  /** What a circuit breaker guards: one name per thing that fails together (a mail relay; a webhook's host). */
  provider(recipient: string): string;
  /**
   * Brings the effect about, at most once per call. Resolves with an {@link Outcome} and never rejects;
   * when `signal` aborts (lease lost, time limit) it stops as soon as it can and says honestly whether the effect may have happened.
   */
  send(effect: Effect, signal: AbortSignal): Promise<Outcome>;
  /** `queryable` only. */
  query?(operationId: string, signal: AbortSignal): Promise<'done' | 'not-done' | 'unknown'>;
}
