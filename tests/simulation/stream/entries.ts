import type { Parking, StreamDraft, StreamEntry, StreamKey } from '../../../src/ports/stream.js';

/** An entry as the stream has it. */
export interface SimEntry {
  readonly draft: StreamDraft;
  readonly seq: number;
  partition: number;
  readonly epoch: number;
  readonly order: string;
  readonly appendedAt: number;
  state: 'fresh' | 'out' | 'parked' | 'settled';
  deliveries: number;
  /** Back from the dead, with its old order key: it may well come behind later ones. */
  readonly redriven: boolean;
}

/** A key that stands still. */
export interface SimParked extends Omit<Parking, 'entries' | 'afterMs'> {
  partition: number;
  dueAt: number | null;
  attempts: number;
  deliveries: number;
}

/** One word for a key and its tenant. */
export function laneOf({ tenant, key }: StreamKey): string {
  return `${tenant} ${key}`;
}

/** An entry as it is handed out. */
export function handed({ draft, seq, partition, order, appendedAt }: SimEntry, deliveries: number, attempts: number): StreamEntry {
  return { ...draft, entry: String(seq), partition, order, appendedAt, deliveries, attempts };
}
