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
  /** What the key was sent to. Left out: `<workload>.accept`. */
  readonly operation?: string;
  /** What tells a repeat of the same call from other work under the same key. Left out: all that is stored of it. */
  readonly sameness?: unknown;
  readonly userId: string | null;
  readonly priority: Priority;
  readonly payload: unknown;
  readonly targets: readonly { readonly channel: string; readonly recipient: string }[];
  /**
   * The targets as the client named them, where an address was found elsewhere (a person's contacts): a repeat is told
   * by what was sent, whatever is found today. Left out: the targets.
   */
  readonly asked?: readonly { readonly channel: string; readonly recipient?: string }[];
  /** When to start, milliseconds since the epoch; null for at once. */
  readonly scheduledFor: number | null;
  readonly correlation: Correlation;
}

/** No two clocks of one system differ by more than this. */
const CLOCKS_DIFFER_MS = 24 * 3_600_000;

export interface Accept {
  (submission: Submission): Promise<AcceptResult>;
  /** The answer to a submission whose key is known already, or null: for checks that bind new work only. Stores nothing. */
  known(submission: Submission): Promise<AcceptResult | null>;
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
    if (result.outcome === 'created') wake(deps.relay, result.record);
    return result;
  };
  const known = async (submission: Submission): Promise<AcceptResult | null> => {
    const id = recordIdFor(submission);
    const record = id === null ? null : await deps.reader.get({ tenant: submission.tenant, id });
    if (record === null) return null;
    const outcome = record.fingerprint === fingerprintFor(submission) ? 'repeat' : 'conflict';
    deps.watch({ kind: 'accepted', outcome, record });
    return { outcome, record };
  };
  return Object.assign(accept, { known });
}

function recordIdFor({ tenant, principal, workload, operation = `${workload}.accept`, key }: Submission): string | null {
  return key === null ? null : recordIdOf({ tenant, principal, operation, key });
}

function fingerprintFor({ payload, targets, asked, sameness, userId, priority, scheduledFor }: Submission): string {
  return fingerprintOf(sameness ?? { payload, targets: asked ?? targets, userId, priority, scheduledFor });
}

/** Judged by the store's clock: what is woken too early is used up, and then waits until wake-ups are published again. */
function wake(relay: Relay, record: WorkRecord): void {
  const { dueAt, updatedAt } = record;
  if (dueAt === null) return;
  if (dueAt <= updatedAt) relay.offer(record);
  else relay.expect(dueAt - updatedAt);
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
    fingerprint: fingerprintFor(submission),
    createdAt: now,
    dueAt,
    deliveries,
    events: [{ at: now, name: 'accepted', rule, actor: 'api', clock: 'worker', detail: { scheduledFor, deliveries: deliveries.length } }],
  };
}
