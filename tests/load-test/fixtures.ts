import type { Item } from '../../load-test/generator.js';
import type { Measured } from '../../load-test/measure.js';
import type { FleetUse, MemberUse } from '../../load-test/result.js';
import type { ToldNotification } from '../drills/evidence.js';

const STARTED_AT = Date.parse('2026-11-22T10:00:00Z');

function itemOf(n: number): Item {
  const intendedAt = STARTED_AT + n * 100;
  const key = `lt-run-n-${n}`;
  return {
    stream: 'n',
    key,
    user: `u${n % 5}`,
    channel: 'webhook',
    recipient: `http://127.0.0.1:9/u${n % 5}/${key}`,
    seq: n,
    intendedAt,
    sentAt: intendedAt + 1,
    answeredAt: intendedAt + 6,
    status: 202,
    recordId: `record-${n}`,
    error: null,
    repeat: n % 4 === 3 ? { status: 200, recordId: `record-${n}`, hit: true, late: true } : null,
  };
}

function toldOf(item: Item): ToldNotification {
  const acceptedAt = new Date(item.intendedAt + 3).toISOString();
  const startedAt = new Date(item.intendedAt + 8).toISOString();
  const operationId = `operation-${item.seq}`;
  const attempt = { attempt: 1, operationId, startedAt, endedAt: startedAt, durationMs: 4, result: 'delivered', provider: '127.0.0.1:9' };
  const delivery = {
    deliveryId: `delivery-${item.seq}`,
    channel: item.channel,
    recipient: item.recipient,
    status: 'delivered',
    reason: null,
    operationId,
    generation: 1,
    redrives: 0,
    settledAt: startedAt,
    failure: null,
    attempts: [attempt],
  };
  const lock = { lockToken: 1, claims: 1 };
  return { notificationId: item.recordId ?? '', status: 'delivered', acceptedAt, scheduledFor: null, lock, deliveries: [delivery] };
}

/** A run of two seconds in which everything went well: each arrives 10 ms after its intended time. */
export function goodRun(): Measured & { items: Item[] } {
  const items = Array.from({ length: 20 }, (_, n) => itemOf(n));
  return {
    startedAt: STARTED_AT,
    durationMs: 2000,
    items,
    told: items.map(toldOf),
    arrivals: items.map(({ seq, intendedAt, user, key }) => ({
      operationId: `operation-${seq}`,
      at: intendedAt + 10,
      channel: 'webhook',
      target: `/${user}/${key}`,
    })),
  };
}

const USE: MemberUse = { workerId: 'signalbox', roles: ['api', 'worker'], cpuPercent: 12, memoryMb: 90, delivered: 20, connections: 1 };

/** One process with the embedded store. */
export const ALONE: FleetUse = { kind: 'embedded', members: [USE], queueDepth: 1, connections: 1 };

/** One API and two workers, all of them well. */
export function fleetOf(second: Partial<MemberUse> = {}): FleetUse {
  const members: readonly MemberUse[] = [
    { ...USE, workerId: 'api-1', roles: ['api'], delivered: 0, connections: 8 },
    { ...USE, workerId: 'worker-1', roles: ['worker'], delivered: 11, connections: 7 },
    { ...USE, workerId: 'worker-2', roles: ['worker'], delivered: 9, connections: 7, ...second },
  ];
  return { kind: 'cluster', members, queueDepth: 3, connections: 22 };
}
