import type { StreamEntry } from '../../ports/stream.js';
import { appendedAt, orderOf } from './append.js';
import { keyOf } from './lane.js';

/** As READ gives it: of the stream with its fields, or one that waited in a parked lane. */
export type RawEntry = readonly [entry: string, deliveries: number, attempts: number, fields?: readonly string[]];

/** Where the values are among the fields, as they were added; the last two only on what was redriven. */
const LANE = 1;
const ID = 3;
const FINGERPRINT = 5;
const EPOCH = 7;
const BODY = 9;
const ORDER = 11;
const AT = 13;

/** `entry` of what waited in a lane is its lane and its order. */
export function entryOf([raw, deliveries, attempts, fields]: RawEntry, partition: number): StreamEntry {
  if (fields === undefined) return { ...waitingOf(raw), partition, deliveries, attempts };
  const { tenant, key } = keyOf(fields[LANE] ?? '');
  return {
    tenant,
    key,
    id: fields[ID] ?? '',
    fingerprint: fields[FINGERPRINT] ?? '',
    body: fields[BODY] ?? '',
    entry: raw,
    partition,
    order: fields[ORDER] ?? orderOf(fields[EPOCH] ?? '', raw),
    appendedAt: fields[AT] === undefined ? appendedAt(raw) : Number(fields[AT]),
    deliveries,
    attempts,
  };
}

/** What waits in a lane, as its line says. */
export function waitingOf(raw: string): Omit<StreamEntry, 'partition' | 'deliveries' | 'attempts'> {
  const [lane = '', order = '', id = '', fingerprint = '', at = ''] = raw.split('\n', 5);
  const body = raw.slice(lane.length + order.length + id.length + fingerprint.length + at.length + 5);
  return { ...keyOf(lane), id, fingerprint, body, entry: `${lane}\n${order}`, order, appendedAt: Number(at) };
}

export function fieldsOf(fields: readonly string[]): ReadonlyMap<string, string> {
  const named = new Map<string, string>();
  for (let n = 0; n + 1 < fields.length; n += 2) named.set(fields[n] ?? '', fields[n + 1] ?? '');
  return named;
}
