import type { WakeUp } from '../../ports/queue.js';

/** Rises when a reader of the older body would go wrong; new fields alone do not raise it. */
const SCHEMA_VERSION = 1;

/** What a message says. */
export interface Body extends WakeUp {
  /** Of its lives as earlier messages: a delayed release is a new message. */
  readonly redeliveries: number;
}

/** Ids, and what decides whose turn it is. Nothing of a record's content leaves the store. */
export function encode({ tenant, id, workload, priority, userId }: WakeUp, redeliveries: number): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: SCHEMA_VERSION, tenant, id, workload, priority, userId, redeliveries }));
}

/** Null where it is not one of ours. What a later version added is passed over. */
export function decode(content: Buffer): Body | null {
  let value: Partial<Body> & { readonly schemaVersion?: unknown };
  try {
    value = JSON.parse(content.toString()) as typeof value;
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || value.schemaVersion !== SCHEMA_VERSION) return null;
  const { tenant, id, workload, priority, userId, redeliveries } = value;
  if (typeof tenant !== 'string' || typeof id !== 'string' || typeof workload !== 'string') return null;
  if ((priority !== 'normal' && priority !== 'urgent') || (userId !== null && typeof userId !== 'string')) return null;
  return { tenant, id, workload, priority, userId, redeliveries: typeof redeliveries === 'number' ? redeliveries : 0 };
}
