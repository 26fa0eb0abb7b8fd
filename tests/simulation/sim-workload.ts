import type { Submission } from '../../src/pipeline/accept.js';
import type { UnknownPolicy, Workload } from '../../src/pipeline/workload.js';
import type { PeopleStore } from '../../src/ports/people.js';
import type { RecordReader } from '../../src/ports/reader.js';
import type { WorkRecord } from '../../src/ports/record.js';
import type { AcceptResult } from '../../src/ports/store.js';
import { BATCHES, type BatchPayload, batchesWorkload } from '../../src/workloads/notifications/batch.js';
import { NOTIFICATIONS, notificationsWorkload } from '../../src/workloads/notifications/workload.js';
import type { Incarnation } from './incarnation.js';
import { calendar } from './quiet.js';
import { CHANNELS, type Receivers } from './receivers.js';
import type { Referee } from './referee.js';

export { BATCHES, NOTIFICATIONS };

/** What opt-outs do not apply to. */
export const CRITICAL = 'security';

/** Recipients of a batch in one step. */
const STEP = 2;

/** What a simulated item carries besides its content. */
export interface Nature {
  /** `decide`: kills its worker before any intent. `send`: kills it between intent and outcome. */
  readonly poison?: 'decide' | 'send';
}

/** The payload as the notifications workload stores it. */
export interface SimPayload {
  readonly category: string;
  readonly subject: string | null;
  readonly body: string;
  readonly data: Nature & Readonly<Record<string, unknown>>;
  readonly scheduledFor: string | null;
  readonly expiresAt: string | null;
  readonly batchId?: string;
}

/** What is said of a batch or of a notification: a batch has no nature, and its notifications wait and run out, not itself. */
function payloadOf(record: WorkRecord): Partial<SimPayload> {
  return record.payload as SimPayload | (BatchPayload & Partial<SimPayload>);
}

export function natureOf(record: WorkRecord): Nature {
  return payloadOf(record).data ?? {};
}

/** When the item runs out, by the store's clock. */
export function expiryOf(record: WorkRecord): number | null {
  const { expiresAt = null } = payloadOf(record);
  return expiresAt === null ? null : Date.parse(expiresAt);
}

/** When the client wants it sent, by the store's clock. */
export function scheduleOf(record: WorkRecord): number | null {
  const { scheduledFor = null } = payloadOf(record);
  return scheduledFor === null ? null : Date.parse(scheduledFor);
}

interface Options {
  readonly people: PeopleStore;
  readonly policy: UnknownPolicy;
  readonly quietMarginMs: number;
}

/** The real workload with simulated channels, and with items that may kill whoever looks at them. */
export function workloadOf(who: Incarnation, receivers: Receivers, { people, policy, quietMarginMs }: Options): Workload {
  const channels = CHANNELS.map((effectClass) => receivers.channelOf(who, effectClass));
  const real = notificationsWorkload({
    channels,
    unknownPolicies: {},
    people,
    criticalCategories: [CRITICAL],
    quietMarginMs,
    nextWindow: calendar,
  });
  return {
    ...real,
    decide(record, delivery, now, circumstances) {
      if (natureOf(record).poison === 'decide') {
        who.crash('poison');
        throw new Error('a dead process does not get this far');
      }
      return real.decide(record, delivery, now, circumstances);
    },
    onUnknown: () => policy,
  };
}

interface BatchParts {
  readonly reader: RecordReader;
  readonly referee: Referee;
  accept(submission: Submission): Promise<AcceptResult>;
}

/** The real batches in small steps; the referee looks on when one begins. */
export function batchWorkloadOf(who: Incarnation, { reader, referee, accept }: BatchParts): Workload {
  const real = batchesWorkload({ reader, accept, step: STEP });
  return {
    ...real,
    channel(delivery) {
      const channel = real.channel(delivery);
      return {
        ...channel,
        send(effect, signal) {
          referee.send(who, effect, channel.effectClass);
          return channel.send(effect, signal);
        },
      };
    },
  };
}
