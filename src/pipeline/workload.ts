import type { Channel, Effect } from '../ports/channel.js';
import type { Delivery, WorkRecord } from '../ports/record.js';

/** What the rules say about one due delivery. `until` in milliseconds on the store's clock. */
export type Decision =
  | { readonly kind: 'send'; readonly rule: string }
  | { readonly kind: 'defer'; readonly rule: string; readonly until: number }
  | { readonly kind: 'skip'; readonly rule: string }
  | { readonly kind: 'expire'; readonly rule: string };

/** What to do with an unknown outcome at a provider of class `neither`. */
export type UnknownPolicy = 'hold' | 'resend' | 'assume-delivered';

/**
 * A kind of work, as the pipeline needs it. What is the same for all kinds lives in the pipeline; a workload only
 * says what is to happen and never settles, stores or retries anything itself.
 */
export interface Workload {
  readonly name: string;
  /** Pure: the same record, delivery and time give the same decision. */
  decide(record: WorkRecord, delivery: Delivery, now: number): Decision;
  /** From when on there is nothing left to wait for, milliseconds on the store's clock; null: never. No delivery is put off beyond it. */
  expiresAt(record: WorkRecord): number | null;
  /** The channel that brings the delivery's effect about; throws where there is none (the delivery is then dead). */
  channel(delivery: Delivery): Channel;
  /** Pure: the effect, without anything that changes between attempts but `attempt` itself. */
  effect(record: WorkRecord, delivery: Delivery): Effect;
  /** The policy for the delivery's channel. */
  onUnknown(delivery: Delivery): UnknownPolicy;
}
