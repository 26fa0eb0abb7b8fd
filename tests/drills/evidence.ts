import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { keyHeaders } from '../../src/config/client-key.js';
import type { Kept, KeptEntry, Seen } from '../../tools/ledger/entry.js';

/** A delivery as the API tells of it. */
export interface ToldDelivery {
  readonly deliveryId: string;
  readonly channel: string;
  readonly recipient: string;
  readonly status: string;
  readonly reason: string | null;
  readonly operationId: string;
  readonly generation: number;
  readonly redrives: number;
  readonly settledAt: string | null;
  readonly failure: { readonly code: string } | null;
  readonly attempts: readonly {
    readonly attempt: number;
    /** The generation's that it belongs to. */
    readonly operationId: string;
    readonly startedAt: string;
    readonly endedAt: string | null;
    readonly durationMs: number | null;
    readonly result: string | null;
    readonly provider: string;
  }[];
}

export interface ToldNotification {
  readonly notificationId: string;
  readonly status: string;
  readonly lock: { readonly lockToken: number; readonly claims: number };
  readonly acceptedAt: string;
  readonly scheduledFor: string | null;
  readonly deliveries: readonly ToldDelivery[];
}

interface Page<T> {
  readonly data: readonly T[];
  readonly nextCursor: string | null;
}

/** Reads at a time: quick, without being the load itself. */
const READERS = 8;
const READ_TRIES = 20;
const READ_PAUSE_MS = 500;

/** Comes again where the server is busy for a moment: what is read is evidence, not the thing under test. */
export async function read<T>(url: string): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const response = await fetch(url, { headers: keyHeaders(), signal: AbortSignal.timeout(10_000) }).catch(
      (error: unknown) => error as Error,
    );
    if (response instanceof Response && response.ok) return (await response.json()) as T;
    const why = response instanceof Response ? response.status : response.message;
    if (tries === READ_TRIES) throw new Error(`GET ${url}: ${why}`);
    await new Promise((resolve) => setTimeout(resolve, READ_PAUSE_MS));
  }
}

/** Follows the cursor to the end of a list. */
export async function readAll<T>(url: string): Promise<readonly T[]> {
  const all: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await read(`${url}?limit=100${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
    all.push(...page.data);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return all;
}

/** Every notification that the server has, with its deliveries and their attempts. */
export async function readNotifications(url: string): Promise<readonly ToldNotification[]> {
  const base = `${url}/api/v1/notifications`;
  const listed = await readAll<{ readonly notificationId: string }>(base);
  const told: ToldNotification[] = [];
  const left = listed.values();
  const reader = async (): Promise<void> => {
    for (const { notificationId } of left) told.push(await read(`${base}/${notificationId}`));
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return told;
}

/** Notifications in the words of the checker. */
export function keptOf(told: readonly ToldNotification[]): readonly Kept[] {
  return told.map((notification) => ({
    tenant: 'default',
    id: notification.notificationId,
    status: notification.status,
    deliveries: notification.deliveries.map((delivery) => ({
      id: delivery.deliveryId,
      channel: delivery.channel,
      recipient: delivery.recipient,
      operationId: delivery.operationId,
      status: delivery.status,
      generation: delivery.generation,
      attempts: delivery.attempts.length,
    })),
    ledger: notification.deliveries.flatMap(ledgerOf),
  }));
}

function ledgerOf({ attempts }: ToldDelivery): readonly KeptEntry[] {
  return attempts.flatMap(({ attempt, operationId, provider, endedAt, result }): KeptEntry[] => {
    const intent: KeptEntry = { operationId, attempt, kind: 'intent', provider };
    if (endedAt === null) return [intent];
    return [intent, { operationId, attempt, kind: 'outcome', provider, ...(result === null ? {} : { result }) }];
  });
}

/** A line of the sink's ledger file. */
interface SinkLine {
  readonly operationId: string;
  readonly channel: string;
  readonly recipientHash: string;
  readonly at: number;
}

/**
 * What the sink took, raw, in the words of the checker; recipients are recognised by their hash.
 * @param idempotent channels whose receiver absorbs a repeat
 */
export function seenOf(
  ledgerFile: string,
  told: readonly ToldNotification[],
  idempotent: ReadonlySet<string> = new Set(['webhook']),
): readonly Seen[] {
  const targets = new Map<string, { readonly recordId: string; readonly channel: string; readonly recipient: string }>();
  for (const { notificationId: recordId, deliveries } of told) {
    for (const { channel, recipient } of deliveries) targets.set(hashOf(nameAtSink(channel, recipient)), { recordId, channel, recipient });
  }
  const lines = readFileSync(ledgerFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => {
    const { operationId, channel, recipientHash, at } = JSON.parse(line) as SinkLine;
    const effectClass = idempotent.has(channel) ? 'idempotent' : 'neither';
    return { kind: 'effect', operationId, effectClass, at, ...targets.get(recipientHash) };
  });
}

/** The sink knows a webhook by the last part of its path. */
function nameAtSink(channel: string, recipient: string): string {
  return channel === 'webhook' ? (new URL(recipient).pathname.split('/').at(-1) ?? '') : recipient;
}

function hashOf(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 16);
}
