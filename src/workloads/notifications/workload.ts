import type { Decision, UnknownPolicy, Workload } from '../../pipeline/workload.js';
import type { Channel, Effect } from '../../ports/channel.js';
import type { Delivery, WorkRecord } from '../../ports/record.js';
import type { NotificationPayload } from './schema.js';

export const NOTIFICATIONS = 'notifications';

/** The stored content of a notification's record. */
export function payloadOf(record: WorkRecord): NotificationPayload {
  // Written by this workload's own routes from a validated request, and never changed.
  return record.payload as NotificationPayload;
}

function expiresAt(record: WorkRecord): number | null {
  const text = payloadOf(record).expiresAt;
  return text === null ? null : Date.parse(text);
}

/** Pure. Whether a due delivery goes out now, and the rule that says so. `now` on the store's clock. */
export function decide(record: WorkRecord, _delivery: Delivery, now: number): Decision {
  const end = expiresAt(record);
  if (end !== null && end <= now) return { kind: 'expire', rule: 'expiry' };
  return { kind: 'send', rule: 'due' };
}

interface Options {
  readonly channels: readonly Channel[];
  /** What becomes of an unknown outcome at an e-mail relay. */
  readonly emailUnknownPolicy: UnknownPolicy;
}

/** The notifications workload: what to send, through which channel, and what an unknown outcome means. */
export function notificationsWorkload(options: Options): Workload {
  const channels = new Map(options.channels.map((channel) => [channel.name, channel]));
  return {
    name: NOTIFICATIONS,
    decide,
    expiresAt,
    channel(delivery) {
      const channel = channels.get(delivery.channel);
      if (channel === undefined) throw new Error(`no channel ${delivery.channel}`);
      return channel;
    },
    effect: effectOf,
    onUnknown: (delivery) => (delivery.channel === 'email' ? options.emailUnknownPolicy : 'hold'),
  };
}

function effectOf(record: WorkRecord, delivery: Delivery): Effect {
  const { subject, body, data, category } = payloadOf(record);
  return {
    operationId: delivery.operationId,
    tenant: record.tenant,
    recordId: record.id,
    userId: record.userId,
    recipient: delivery.recipient,
    subject,
    body,
    data,
    category,
    unsubscribeUrl: null,
    acceptedAt: record.createdAt,
    attempt: delivery.attempts,
    correlation: record.correlation,
  };
}
