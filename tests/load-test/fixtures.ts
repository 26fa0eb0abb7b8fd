import type { Item } from '../../load-test/generator.js';
import type { Measured } from '../../load-test/measure.js';
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
  return { notificationId: item.recordId ?? '', status: 'delivered', acceptedAt, scheduledFor: null, deliveries: [delivery] };
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
