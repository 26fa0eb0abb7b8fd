import type { StreamEntry } from '../../ports/stream.js';
import { appendedAt, orderOf } from './append.js';
import { keyOf } from './lane.js';

/** As READ gives it: of the stream with its fields, or one that waited in a parked lane. */
export type RawEntry = readonly [entry: string, deliveries: number, attempts: number, fields?: readonly string[]];

/** `entry` of what waited in a lane is its lane and its order. */
export function entryOf([raw, deliveries, attempts, fields]: RawEntry, partition: number): StreamEntry {
  if (fields === undefined) return { ...waitingOf(raw), partition, deliveries, attempts };
  const named = fieldsOf(fields);
  const of = (name: string): string => named.get(name) ?? '';
  return {
    ...keyOf(of('lane')),
    id: of('id'),
    fingerprint: of('fp'),
    body: of('body'),
    entry: raw,
    partition,
    order: named.get('order') ?? orderOf(of('epoch'), raw),
    appendedAt: Number(named.get('at') ?? appendedAt(raw)),
    deliveries,
    attempts,
  };
}

function waitingOf(raw: string): Omit<StreamEntry, 'partition' | 'deliveries' | 'attempts'> {
  const [lane = '', order = '', id = '', fingerprint = '', at = ''] = raw.split('\n', 5);
  const body = raw.slice(lane.length + order.length + id.length + fingerprint.length + at.length + 5);
  return { ...keyOf(lane), id, fingerprint, body, entry: `${lane}\n${order}`, order, appendedAt: Number(at) };
}

export function fieldsOf(fields: readonly string[]): ReadonlyMap<string, string> {
  const named = new Map<string, string>();
  for (let n = 0; n + 1 < fields.length; n += 2) named.set(fields[n] ?? '', fields[n + 1] ?? '');
  return named;
}
