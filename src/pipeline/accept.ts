import type { Ids } from '../ports/chance.js';
import type { Clock } from '../ports/clock.js';
import type { RecordReader } from '../ports/reader.js';
import type { Correlation, Delivery, Priority, WorkRecord } from '../ports/record.js';
import type { AcceptResult, Draft, RecordStore } from '../ports/store.js';
import type { Watch } from '../ports/watch.js';
import { deliveryIdOf, fingerprintOf, operationIdOf, recordIdOf } from './envelope.js';
import type { Relay } from './relay.js';

/** Work as a workload's routes hand it in: validated, and nothing decided yet. */
export interface Submission {
  readonly workload: string;
  readonly tenant: string;
  readonly principal: string;
  /** The client's idempotency key; null where it sent none, and every call is then new work. */
  readonly key: string | null;
  readonly userId: string | null;
  readonly priority: Priority;
  readonly payload: unknown;
  readonly targets: readonly { readonly channel: string; readonly recipient: string }[];
  /** When to start, milliseconds since the epoch; null for at once. */
  readonly scheduledFor: number | null;
  readonly correlation: Correlation;
}

/** No two clocks of one system differ by more than this. */
const CLOCKS_DIFFER_MS = 24 * 3_600_000;

export interface Accept {
  (submission: Submission): Promise<AcceptResult>;
  /** The record that this submission's key already stands for, or null: for checks that bind new work only. */
  known(submission: Submission): Promise<WorkRecord | null>;
}

interface Deps {
  readonly store: RecordStore;
  readonly reader: RecordReader;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly relay: Relay;
  readonly watch: Watch;
}

/**
 * Accepts work: one atomic write that is durable before this resolves, then a wake-up. The record's id is the
 * idempotency key's, so the write itself tells new from known; there is no look-up before it and no race with it.
 */
export function createAccept(deps: Deps): Accept {
  const accept = async (submission: Submission): Promise<AcceptResult> => {
    const draft = draftOf(submission, deps.clock.now(), deps.ids);
    const [result] = await deps.store.accept([draft]);
    if (result === undefined) throw new Error('the store answered an accept with nothing');
    deps.watch({ kind: 'accepted', outcome: result.outcome, record: result.record });
    if (result.outcome === 'created') wake(deps, result.record.dueAt, draft, result);
    return result;
  };
  const known = async (submission: Submission): Promise<WorkRecord | null> => {
    const id = recordIdFor(submission);
    return id === null ? null : deps.reader.get({ tenant: submission.tenant, id });
  };
  return Object.assign(accept, { known });
}

function recordIdFor({ tenant, principal, workload, key }: Submission): string | null {
  return key === null ? null : recordIdOf({ tenant, principal, operation: `${workload}.accept`, key });
}

function wake(deps: Deps, dueAt: number | null, draft: Draft, result: AcceptResult): void {
  if (dueAt === null) return;
  if (dueAt <= draft.createdAt) deps.relay.offer(result.record);
  else deps.relay.expect(dueAt - draft.createdAt);
}

function draftOf(submission: Submission, now: number, ids: Ids): Draft {
  const { workload, tenant, principal, key, userId, priority, payload, targets, scheduledFor, correlation } = submission;
  const id = recordIdFor(submission) ?? ids.next();
  const later = scheduledFor !== null && scheduledFor > now;
  // Kept as the client asked for it, even if our clock has passed it: the store's decides. Long past is at once.
  const dueAt = scheduledFor === null || scheduledFor < now - CLOCKS_DIFFER_MS ? now : scheduledFor;
  const deliveries: readonly Delivery[] = targets.map(({ channel, recipient }) => ({
    id: deliveryIdOf(tenant, id, channel, recipient),
    channel,
    recipient,
    status: later ? 'scheduled' : 'queued',
    generation: 1,
    operationId: operationIdOf(tenant, id, channel, recipient, 1),
    attempts: 0,
    throttles: 0,
    dueAt,
    intentAt: null,
    reason: null,
    failure: null,
    fingerprint: null,
    settledAt: null,
  }));
  const rule = key === null ? 'accept.new' : 'accept.idempotent';
  return {
    tenant,
    id,
    workload,
    principal,
    userId,
    status: later ? 'scheduled' : 'queued',
    priority,
    payload,
    correlation,
    fingerprint: fingerprintOf({ payload, targets, userId, priority, scheduledFor }),
    createdAt: now,
    dueAt,
    deliveries,
    events: [{ at: now, name: 'accepted', rule, actor: 'api', clock: 'worker', detail: { scheduledFor, deliveries: deliveries.length } }],
  };
}
