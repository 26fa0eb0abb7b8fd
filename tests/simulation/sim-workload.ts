import type { Workload } from '../../src/pipeline/workload.js';
import type { WorkRecord } from '../../src/ports/record.js';
import { createQuietCalendar } from '../../src/workloads/notifications/quiet-hours.js';
import { NOTIFICATIONS, notificationsWorkload } from '../../src/workloads/notifications/workload.js';
import type { Incarnation } from './incarnation.js';
import { CHANNELS, type Receivers } from './receivers.js';

export { NOTIFICATIONS };

/** What a simulated item carries besides its content. */
export interface Nature {
  /** `decide`: kills its worker before any intent. `send`: kills it between intent and outcome. */
  readonly poison?: 'decide' | 'send';
  /** Not before this instant on the store's clock, however often it is looked at. */
  readonly quietUntil?: number;
}

/** The payload as the notifications workload stores it. */
export interface SimPayload {
  readonly category: string | null;
  readonly subject: string | null;
  readonly body: string;
  readonly data: Nature;
  readonly scheduledFor: string | null;
  readonly expiresAt: string | null;
}

export function natureOf(record: WorkRecord): Nature {
  return (record.payload as SimPayload).data;
}

/** When the item runs out, by the store's clock. */
export function expiryOf(record: WorkRecord): number | null {
  const { expiresAt } = record.payload as SimPayload;
  return expiresAt === null ? null : Date.parse(expiresAt);
}

/** When the client wants it sent, by the store's clock. */
export function scheduleOf(record: WorkRecord): number | null {
  const { scheduledFor } = record.payload as SimPayload;
  return scheduledFor === null ? null : Date.parse(scheduledFor);
}

/** The real workload with simulated channels, and with items that may kill whoever looks at them. */
export function workloadOf(who: Incarnation, receivers: Receivers, policy: 'hold' | 'assume-delivered'): Workload {
  const channels = CHANNELS.map((effectClass) => receivers.channelOf(who, effectClass));
  const real = notificationsWorkload({
    channels,
    emailUnknownPolicy: 'hold',
    people: { get: () => Promise.resolve(null) },
    criticalCategories: [],
    quietMarginMs: 500,
    nextWindow: createQuietCalendar(),
  });
  return {
    ...real,
    decide(record, delivery, now, circumstances) {
      const { poison, quietUntil } = natureOf(record);
      if (poison === 'decide') {
        who.crash('poison');
        throw new Error('a dead process does not get this far');
      }
      const decision = real.decide(record, delivery, now, circumstances);
      if (decision.kind !== 'send' || quietUntil === undefined || now >= quietUntil) return decision;
      return { kind: 'defer', rule: 'quiet', until: quietUntil };
    },
    onUnknown: () => policy,
  };
}
