import type { Delivery } from '../../src/ports/record.js';
import type { Draft } from '../../src/ports/store.js';

/** What a test says about a draft; the rest is the same for all. */
export interface DraftShape {
  readonly id: string;
  readonly tenant?: string;
  readonly workload?: string;
  readonly userId?: string | null;
  readonly priority?: Draft['priority'];
  readonly fingerprint?: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** `createdAt` where it is left out: due at once. */
  readonly dueAt?: number;
  readonly body?: string;
  /** One delivery for each. */
  readonly channels?: readonly string[];
}

/** A draft as the pipeline would offer it, with one delivery by e-mail where the shape says nothing else. */
export function draftOf(shape: DraftShape): Draft {
  const { id, tenant = 't', createdAt, dueAt = createdAt } = shape;
  const status = dueAt > createdAt ? 'scheduled' : 'queued';
  const deliveries = (shape.channels ?? ['email']).map((channel) => deliveryOf(id, channel, status, dueAt));
  return {
    tenant,
    id,
    workload: shape.workload ?? 'notifications',
    principal: 'tester',
    userId: shape.userId === undefined ? 'user_001' : shape.userId,
    status,
    priority: shape.priority ?? 'normal',
    payload: { subject: 'A subject', body: shape.body ?? 'A body', data: null },
    correlation: { requestId: `request of ${id}` },
    fingerprint: shape.fingerprint ?? `fingerprint of ${id}`,
    createdAt,
    dueAt,
    deliveries,
    events: [
      {
        at: createdAt,
        name: 'accepted',
        rule: 'accept.idempotent',
        actor: 'api',
        clock: 'worker',
        detail: { deliveries: deliveries.length },
      },
    ],
  };
}

function deliveryOf(id: string, channel: string, status: Delivery['status'], dueAt: number): Delivery {
  return {
    id: `${id}:${channel}`,
    channel,
    recipient: 'someone@example.org',
    status,
    generation: 1,
    operationId: `operation of ${id}:${channel}:1`,
    attempts: 0,
    throttles: 0,
    dueAt,
    intentAt: null,
    reason: null,
    failure: null,
    fingerprint: null,
    settledAt: null,
  };
}
