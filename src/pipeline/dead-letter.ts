import { createHash } from 'node:crypto';
import type { Delivery, Failure } from '../ports/record.js';

/**
 * Groups dead letters of one cause: the workload, the channel and the failure's code and message with everything that
 * differs from item to item (numbers, ids, quoted text) taken out. 16 hex digits.
 */
export function failureFingerprint(workload: string, channel: string, failure: Failure): string {
  const shape = failure.message
    .toLowerCase()
    .replace(/[0-9a-f]{8,}(-[0-9a-f]+)*/g, '#')
    .replace(/\d+/g, '#')
    .replace(/"[^"]*"|'[^']*'/g, '?');
  return createHash('sha256').update([workload, channel, failure.code, shape].join('\n')).digest('hex').slice(0, 16);
}

/** The delivery as a dead letter: it keeps its identity, its attempts, its last failure and the rule that ended it. */
export function asDead(workload: string, delivery: Delivery, failure: Failure, rule: string, now: number): Delivery {
  return {
    ...delivery,
    status: 'dead',
    reason: rule,
    failure,
    fingerprint: failureFingerprint(workload, delivery.channel, failure),
    dueAt: null,
    intentAt: null,
    settledAt: now,
  };
}

/** The delivery as it rests otherwise, by the rule that said so. */
export function atRest(delivery: Delivery, status: 'cancelled' | 'skipped' | 'expired' | 'held', rule: string, now: number): Delivery {
  return { ...delivery, status, reason: rule, dueAt: null, intentAt: null, settledAt: now };
}
