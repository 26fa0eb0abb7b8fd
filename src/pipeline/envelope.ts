import { hash as digestOf } from 'node:crypto';
import type { Delivery, RecordStatus } from '../ports/record.js';

const OPEN: ReadonlySet<string> = new Set(['queued', 'scheduled', 'deferred', 'processing']);

/** True while the delivery is still to be worked on. */
export function isOpen(delivery: Delivery): boolean {
  return OPEN.has(delivery.status);
}

/** Hash of parts that cannot run into each other (length-prefixed), as 64 hex digits. */
export function hashOf(...parts: readonly (string | number)[]): string {
  let joined = '';
  for (const part of parts) {
    const text = String(part);
    joined += `${Buffer.byteLength(text)}:${text}`;
  }
  // In one go: several small updates of a digest cost twice as much.
  return digestOf('sha256', joined, 'hex');
}

/** Lays 128 bits of a hash out as a UUID, version 8 (RFC 9562 §5.8: vendor-defined content). */
export function uuidOf(hex: string): string {
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The scope in which an idempotency key is unique. */
export interface KeyScope {
  readonly tenant: string;
  readonly principal: string;
  /** What the key was sent to, e.g. `notifications.accept`. */
  readonly operation: string;
  readonly key: string;
}

/** The record's id follows from its key's scope: whoever meets the key again, with no cache at all, meets the same record. */
export function recordIdOf(scope: KeyScope): string {
  return uuidOf(hashOf('record', scope.tenant, scope.principal, scope.operation, scope.key));
}

/** Names the delivery for good, over all generations. */
export function deliveryIdOf(tenant: string, recordId: string, channel: string, recipient: string): string {
  return uuidOf(hashOf('delivery', tenant, recordId, channel, recipient));
}

/** The effect's constant name at the provider: no attempt number in it, so that a repeat is recognised. */
export function operationIdOf(tenant: string, recordId: string, channel: string, recipient: string, generation: number): string {
  return hashOf('operation', tenant, recordId, channel, recipient, generation).slice(0, 40);
}

/** JSON with sorted keys: two bodies that mean the same give the same text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const members = value as Record<string, unknown>;
    const names = Object.keys(members).filter((name) => members[name] !== undefined);
    return `{${names
      .sort()
      .map((name) => `${JSON.stringify(name)}:${canonical(members[name])}`)
      .join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** SHA-256 of the canonical form of a validated body. */
export function fingerprintOf(body: unknown): string {
  return digestOf('sha256', canonical(body), 'hex');
}

/**
 * A record's status follows from its deliveries. While any is open the busiest open state shows; at rest `held` shows
 * before all else (it waits for a person), one common state shows as itself, and different ones as `partial`.
 */
export function statusOf(deliveries: readonly Delivery[]): RecordStatus {
  for (const status of ['processing', 'queued', 'deferred', 'scheduled', 'held'] as const) {
    if (deliveries.some((delivery) => delivery.status === status)) return status;
  }
  const [first, ...others] = deliveries;
  if (first === undefined) return 'skipped';
  return others.every((delivery) => delivery.status === first.status) ? first.status : 'partial';
}

/** When the record next wants a worker: the earliest due time of its open deliveries, null at rest. */
export function dueOf(deliveries: readonly Delivery[]): number | null {
  let due: number | null = null;
  for (const delivery of deliveries) {
    if (!isOpen(delivery) || delivery.dueAt === null) continue;
    if (due === null || delivery.dueAt < due) due = delivery.dueAt;
  }
  return due;
}
