import { z } from 'zod';
import type { FieldError } from '../../errors.js';
import type { Submission } from '../../pipeline/accept.js';
import type { Contacts } from '../../ports/people.js';
import { BATCHES, type BatchItem, type BatchPayload, EXPAND_TARGET, type Rejected } from './batch.js';
import { agree, type NotificationRequest, notificationRequest, timeProblems } from './schema.js';
import { type ReadPhone, type Sender, submissionOf } from './submission.js';

/** Recipients in one call. */
const RECIPIENTS_MAX = 1000;
/** What all notifications of one batch may take up together: the content is stored with each. */
const STORED_MAX_BYTES = 32 * 1024 * 1024;

const { userId, to, data, ...common } = notificationRequest.shape;

/** `POST /api/v1/notifications/batch`, without looking at the recipients: one that is wrong does not spoil the others. */
export const batchRequest = z
  .strictObject({ ...common, data, recipients: z.array(z.unknown()).min(1).max(RECIPIENTS_MAX) })
  .superRefine(agree);

export type BatchRequest = z.infer<typeof batchRequest>;

/** One of its `recipients`. */
export const recipientRequest = z.strictObject({ userId, to, data });

export type Recipient = z.infer<typeof recipientRequest>;

/** A recipient as the request names them, or what is wrong with it. */
export type Read = { readonly index: number } & ({ readonly recipient: Recipient } | { readonly rejected: FieldError });

/** The request that this recipient would have been sent alone. */
export function aloneOf(request: BatchRequest, recipient: Recipient): NotificationRequest {
  const { recipients: _recipients, idempotencyKey: _key, ...shared } = request;
  return { ...shared, ...recipient, data: recipient.data ?? request.data };
}

/** What recipients are measured against besides the request. */
export interface BatchSurroundings {
  readonly now: number;
  readonly contactsOf: (userId: string) => Contacts | null;
  readonly readPhone: ReadPhone | null;
}

/** As {@link Prepared} for one; `problems` are those of the whole batch. */
export interface PreparedBatch {
  readonly submission: Submission;
  readonly payload: BatchPayload;
  readonly problems: readonly FieldError[];
}

/** The whole batch as the pipeline takes it: one record, one internal delivery. */
export function batchSubmissionOf(
  request: BatchRequest,
  reads: readonly Read[],
  sender: Sender,
  surroundings: BatchSurroundings,
): PreparedBatch {
  const items: BatchItem[] = [];
  const rejected: Rejected[] = [];
  const seen = new Map<string, number>();
  const refuse = (index: number, { pointer, detail }: FieldError): void => {
    rejected.push({ index, pointer: `/recipients/${index}${pointer}`, reason: detail });
  };
  for (const read of reads) {
    const { index } = read;
    if ('rejected' in read) {
      refuse(index, read.rejected);
      continue;
    }
    const { targets, problem } = targetsOf(aloneOf(request, read.recipient), sender, surroundings);
    if (problem !== undefined) {
      refuse(index, problem);
      continue;
    }
    const item: BatchItem = {
      index,
      userId: read.recipient.userId,
      targets,
      ...(read.recipient.data === undefined ? {} : { data: read.recipient.data }),
    };
    const same = JSON.stringify([item.userId, item.targets, item.data]);
    const first = seen.get(same);
    if (first !== undefined) refuse(index, { pointer: '', detail: `is the same as /recipients/${first}` });
    else {
      seen.set(same, index);
      items.push(item);
    }
  }
  const payload: BatchPayload = { content: contentOf(request), items, rejected };
  const { idempotencyKey: _key, ...sameness } = request;
  const submission: Submission = {
    workload: BATCHES,
    ...sender,
    userId: null,
    priority: request.priority,
    payload,
    targets: [EXPAND_TARGET],
    // What was sent, whatever contacts and numbers are found today.
    sameness,
    scheduledFor: null,
  };
  return { submission, payload, problems: [...timeProblems(request, surroundings.now), ...noneValid(payload)] };
}

function contentOf({ category, subject, body, data, scheduledFor, expiresAt }: BatchRequest): BatchPayload['content'] {
  return {
    category,
    subject: subject ?? null,
    body,
    data: data ?? null,
    scheduledFor: scheduledFor ?? null,
    expiresAt: expiresAt ?? null,
  };
}

function targetsOf(request: NotificationRequest, sender: Sender, { now, contactsOf, readPhone }: BatchSurroundings) {
  const { submission, problems } = submissionOf(request, sender, { now, contacts: contactsOf(request.userId), readPhone });
  // The times are the whole batch's, and said once.
  const problem = problems.find(({ pointer }) => pointer.startsWith('/to'));
  return { targets: submission.targets, problem };
}

function noneValid({ items, rejected }: BatchPayload): FieldError[] {
  return items.length > 0 ? [] : rejected.map(({ pointer, reason }) => ({ pointer, detail: reason }));
}

/** True where its notifications would take up more than may be. */
export function isTooMuch({ content, items }: BatchPayload): boolean {
  return items.length * Buffer.byteLength(JSON.stringify(content)) > STORED_MAX_BYTES;
}

/** `GET /api/v1/notifications/batches/:id`. */
export const batchQuery = z.strictObject({
  cursor: z.string().max(512).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});
