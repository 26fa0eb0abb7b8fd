import type { Channel, Effect } from '../ports/channel.js';
import type { Delivery, Detail, WorkRecord } from '../ports/record.js';

/**
 * What the rules say about one due delivery. `until` in milliseconds on the store's clock. `facts`: everything that was
 * looked at, kept with the decision, so that it can be taken again later by anyone; left out where nothing but the record was.
 */
export type Decision = { readonly rule: string; readonly facts?: Detail } & (
  | { readonly kind: 'send' }
  | { readonly kind: 'defer'; readonly until: number }
  | { readonly kind: 'skip' }
  | { readonly kind: 'expire' }
);

/** What to do with an unknown outcome at a provider of class `neither`. */
export type UnknownPolicy = 'hold' | 'resend' | 'assume-delivered';

/**
 * A kind of work, as the pipeline needs it. What is the same for all kinds lives in the pipeline; a workload only
 * says what is to happen and never settles, stores or retries anything itself.
 */
export interface Workload {
  readonly name: string;
  /** Retries after the first attempt of a delivery, or of a step of it. Left out: as the pipeline's settings say. */
  readonly maxRetries?: number;
  /** What decisions rest on besides the record (a person's choices), read afresh for each pass over it. Undefined: nothing. */
  circumstances?(record: WorkRecord): Promise<unknown> | undefined;
  /** Pure: the same record, delivery, time and circumstances give the same decision. */
  decide(record: WorkRecord, delivery: Delivery, now: number, circumstances: unknown): Decision;
  /** From when on there is nothing left to wait for, milliseconds on the store's clock; null: never. No delivery is put off beyond it. */
  expiresAt(record: WorkRecord): number | null;
  /** The channel that brings the delivery's effect about; throws where there is none (the delivery is then dead). */
  channel(delivery: Delivery): Channel;
  /** Pure: the effect, without anything that changes between attempts but `attempt` itself. */
  effect(record: WorkRecord, delivery: Delivery): Effect;
  /** The policy for the delivery's channel. */
  onUnknown(delivery: Delivery): UnknownPolicy;
}
