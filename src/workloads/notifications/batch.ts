import { SignalboxError } from '../../errors.js';
import type { Accept, Submission } from '../../pipeline/accept.js';
import { recordIdOf } from '../../pipeline/envelope.js';
import type { Workload } from '../../pipeline/workload.js';
import type { Channel, Outcome } from '../../ports/channel.js';
import type { RecordReader } from '../../ports/reader.js';
import type { RecordKey, WorkRecord } from '../../ports/record.js';
import type { NotificationPayload } from './schema.js';
import { NOTIFICATIONS } from './workload.js';

export const BATCHES = 'batches';

/** Recipients that become notifications in one step: enough for one group commit, few enough for others to get their turn. */
const STEP = 200;
/** A step that fails so often in a row kills its workers, or meets a mistake of ours: then it is a person's turn. */
const MAX_RETRIES = 25;
const TROUBLE_PAUSE_MS = 1000;
/** What the derived keys are sent to: no client's key can ever meet them. */
const EXPANSION = 'batches.expand';

/** One recipient who gets a notification. */
export interface BatchItem {
  /** Place in the request. */
  readonly index: number;
  readonly userId: string;
  readonly targets: Submission['targets'];
  /** Instead of the batch's own. */
  readonly data?: NotificationPayload['data'];
}

/** One recipient who gets none, and why. */
export interface Rejected {
  readonly index: number;
  /** Into the request, e.g. `/recipients/3/to/email`. */
  readonly pointer: string;
  readonly reason: string;
}

/** What is stored of a batch: never changed after acceptance. */
export interface BatchPayload {
  readonly content: NotificationPayload;
  readonly items: readonly BatchItem[];
  readonly rejected: readonly Rejected[];
}

/** The one internal delivery of a batch. */
export const EXPAND_TARGET = { channel: 'expand', recipient: 'notifications' } as const;

/** The stored content of a batch's record. */
export function batchOf(record: WorkRecord): BatchPayload {
  // Written by this workload's own routes from a validated request, and never changed.
  return record.payload as BatchPayload;
}

/** The notification of this recipient: known before it is there. */
export function childKeyOf({ tenant, principal, id }: WorkRecord, index: number): RecordKey {
  return { tenant, id: recordIdOf({ tenant, principal, operation: EXPANSION, key: `${id}:${index}` }) };
}

function childOf(batch: WorkRecord, item: BatchItem): Submission {
  const { tenant, principal, id, priority, correlation } = batch;
  const { content } = batchOf(batch);
  const { scheduledFor } = content;
  return {
    workload: NOTIFICATIONS,
    tenant,
    principal,
    key: `${id}:${item.index}`,
    operation: EXPANSION,
    userId: item.userId,
    priority,
    payload: { ...content, data: item.data ?? content.data, batchId: id },
    targets: item.targets,
    scheduledFor: scheduledFor === null ? null : Date.parse(scheduledFor),
    correlation,
  };
}

interface Deps {
  readonly accept: (submission: Submission) => ReturnType<Accept>;
  readonly reader: Pick<RecordReader, 'get'>;
  /** Recipients in one step. */
  readonly step?: number;
}

/**
 * How many recipients, from the first on, are known to have their notification. The last of each step is accepted after
 * all others of its step, so that it stands for them: found by halving, not by asking for each.
 */
export async function expandedOf(reader: Pick<RecordReader, 'get'>, batch: WorkRecord, step = STEP): Promise<number> {
  const { items } = batchOf(batch);
  if (batch.deliveries.every((delivery) => delivery.status === 'delivered')) return items.length;
  let done = 0;
  let open = Math.ceil(items.length / step);
  while (done < open) {
    const middle = Math.floor((done + open) / 2);
    const last = items[Math.min((middle + 1) * step, items.length) - 1];
    const child = last === undefined ? null : await reader.get(childKeyOf(batch, last.index));
    if (child === null) open = middle;
    else done = middle + 1;
  }
  return Math.min(done * step, items.length);
}

/**
 * Batches of recipients: accepted as one record, and expanded from it into one notification for each recipient. The
 * ids are derived from the batch's, so a step that is repeated (a crash, a lost answer, a second worker) makes nothing twice.
 */
export function batchesWorkload(deps: Deps): Workload {
  const channel = expandChannel(deps);
  return {
    name: BATCHES,
    maxRetries: MAX_RETRIES,
    decide: () => ({ kind: 'send', rule: 'batch.expand' }),
    // Its notifications run out, each by itself and with a word about it; the batch does not.
    expiresAt: () => null,
    channel(delivery) {
      if (delivery.channel !== channel.name) throw new Error(`no channel ${delivery.channel}`);
      return channel;
    },
    effect: (record, delivery) => ({
      operationId: delivery.operationId,
      tenant: record.tenant,
      recordId: record.id,
      userId: null,
      recipient: delivery.recipient,
      subject: null,
      body: '',
      data: null,
      category: null,
      unsubscribeUrl: null,
      acceptedAt: record.createdAt,
      attempt: delivery.attempts,
      correlation: record.correlation,
    }),
    onUnknown: () => 'resend',
  };
}

function expandChannel(deps: Deps): Channel {
  return {
    name: EXPAND_TARGET.channel,
    effectClass: 'idempotent',
    provider: () => 'expansion',
    async send({ tenant, recordId }, signal) {
      try {
        const batch = await deps.reader.get({ tenant, id: recordId });
        if (batch === null) return { kind: 'retry', failure: { code: 'batch_missing', message: 'the batch is not in the store' } };
        return await expand(deps, batch, signal);
      } catch (error) {
        return afterTrouble(error);
      }
    },
  };
}

/** One step. Everything it accepts is durable before the next begins. */
async function expand({ accept, reader, step = STEP }: Deps, batch: WorkRecord, signal: AbortSignal): Promise<Outcome> {
  const { items } = batchOf(batch);
  const from = await expandedOf(reader, batch, step);
  const part = items.slice(from, from + step);
  const last = part.pop();
  if (last === undefined) return { kind: 'done' };
  const stopped: Outcome = { kind: 'defer', rule: 'batch.stopped', afterMs: 0 };
  if (signal.aborted) return stopped;
  // Whatever is answered, it is there: only this batch knows these ids.
  await Promise.all(part.map((item) => accept(childOf(batch, item))));
  if (signal.aborted) return stopped;
  await accept(childOf(batch, last));
  return from + step >= items.length ? { kind: 'done' } : { kind: 'defer', rule: 'batch.next-step', afterMs: 0 };
}

/** A store that does not answer is not the batch's fault, however long it takes. */
function afterTrouble(error: unknown): Outcome {
  if (error instanceof SignalboxError && error.retryable) {
    return { kind: 'defer', rule: `batch.${error.code}`, afterMs: (error.retryAfterS ?? 0) * 1000 + TROUBLE_PAUSE_MS };
  }
  return { kind: 'retry', failure: { code: 'expansion_failed', message: 'a recipient could not be accepted' } };
}
