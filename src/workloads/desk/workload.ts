import type { Workload } from '../../pipeline/workload.js';
import type { Channel } from '../../ports/channel.js';
import { DESK, planOf } from './plan.js';

/**
 * Operations on many deliveries of the desk, as work like any other: accepted durably, leased, done in steps, taken up
 * again after a crash, explained. One record is one operation, with one delivery whose channel does the steps.
 */
export function deskWorkload(channel: Channel): Workload {
  return {
    name: DESK,
    decide: () => ({ kind: 'send', rule: 'due' }),
    expiresAt: () => null,
    channel: () => channel,
    effect: (record, delivery) => ({
      operationId: delivery.operationId,
      tenant: record.tenant,
      recordId: record.id,
      userId: null,
      recipient: delivery.recipient,
      subject: null,
      body: delivery.recipient,
      data: { ...planOf(record), actor: record.principal },
      category: null,
      unsubscribeUrl: null,
      acceptedAt: record.createdAt,
      attempt: delivery.attempts,
      correlation: record.correlation,
    }),
    onUnknown: () => 'resend',
  };
}
