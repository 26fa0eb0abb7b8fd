import { type Request, type Response, Router } from 'express';
import { type FieldError, SignalboxError } from '../../errors.js';
import { answer } from '../../ingress/answer.js';
import { decodeCursor, encodeCursor } from '../../ingress/cursor.js';
import { idempotencyKeyOf } from '../../ingress/idempotency.js';
import { identityOf } from '../../ingress/identity.js';
import { invalid, parse } from '../../ingress/problem.js';
import { correlationOf } from '../../ingress/request-id.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import type { Clock } from '../../ports/clock.js';
import type { PeopleStore } from '../../ports/people.js';
import type { RecordReader } from '../../ports/reader.js';
import type { WorkRecord } from '../../ports/record.js';
import type { AcceptResult } from '../../ports/store.js';
import { BATCHES, type BatchItem, batchOf, childKeyOf, expandedOf } from './batch.js';
import {
  aloneOf,
  type BatchRequest,
  batchQuery,
  batchRequest,
  batchSubmissionOf,
  isTooMuch,
  type PreparedBatch,
  type Read,
  recipientRequest,
} from './batch-schema.js';
import type { Phones } from './phone.js';
import { channelProblems, needsContacts, needsPhone, type Sender } from './submission.js';

interface Deps {
  readonly pipeline: Pick<Pipeline, 'accept'>;
  readonly reader: Pick<RecordReader, 'get'>;
  readonly people: Pick<PeopleStore, 'getMany'>;
  readonly phones: Phones;
  readonly clock: Clock;
  /** The channels that there is a way for. */
  readonly channels: ReadonlySet<string>;
  /** Throws when the backlog has no room for so many, or the server is going down: then nothing is accepted. */
  admit(records: number): void;
}

/** Batches of recipients over HTTP, to be mounted where notifications are, before them. */
export function batchRoutes(deps: Deps): Router {
  const router = Router();
  router.post('/batch', (request, response) => accept(deps, request, response));
  router.get('/batches/:id', (request, response) => show(deps, request, response));
  return router;
}

async function accept(deps: Deps, request: Request, response: Response): Promise<void> {
  const body = parse(batchRequest, request.body);
  deps.admit(body.recipients.length);
  const key = idempotencyKeyOf(request, body.idempotencyKey);
  const prepared = await prepare(deps, body, { ...identityOf(request), key, correlation: correlationOf(response) });
  const { outcome, record } = await acceptOrFind(deps, prepared);
  if (outcome === 'conflict') {
    const pointer = body.idempotencyKey === undefined ? 'header: Idempotency-Key' : '/idempotencyKey';
    const fields = [{ pointer, detail: 'was used with another body' }];
    throw new SignalboxError('idempotency-conflict', 'This idempotency key was used before with another body', { fields });
  }
  const repeat = outcome === 'repeat';
  response.setHeader('Location', `/api/v1/notifications/batches/${record.id}`);
  if (repeat) response.setHeader('Idempotency-Replayed', 'true');
  answer(response, repeat ? 200 : 202, acceptedView(record, repeat));
}

/** A repeat is a repeat, whatever today's contacts and today's time say about it. */
async function acceptOrFind({ pipeline }: Deps, { submission, payload, problems }: PreparedBatch): Promise<AcceptResult> {
  const [first] = problems;
  if (first === undefined && !isTooMuch(payload)) return pipeline.accept(submission);
  const known = await pipeline.accept.known(submission);
  if (known !== null) return known;
  if (first !== undefined) throw new SignalboxError('invalid-request', `${first.pointer} ${first.detail}`, { fields: problems });
  const detail = 'is too large for so many recipients: send fewer at a time';
  throw new SignalboxError('payload-too-large', `The content ${detail}`, { fields: [{ pointer: '/body', detail }] });
}

/** Looks up what the recipients leave open, for all of them at once. */
async function prepare({ people, phones, clock, channels }: Deps, body: BatchRequest, sender: Sender): Promise<PreparedBatch> {
  const reads = body.recipients.map(readRecipient);
  const alone = reads.flatMap((read) => ('recipient' in read ? [aloneOf(body, read.recipient)] : []));
  const unnamed = alone.filter(needsContacts).map(({ userId }) => userId);
  const known = unnamed.length === 0 ? null : await people.getMany(sender.tenant, [...new Set(unnamed)]);
  const readPhone = alone.some(needsPhone) ? await phones() : null;
  const contactsOf = (userId: string) => known?.get(userId)?.contacts ?? null;
  const prepared = batchSubmissionOf(body, reads, sender, { now: clock.now(), contactsOf, readPhone });
  return { ...prepared, problems: [...channelProblems(body.channels, channels), ...prepared.problems] };
}

function readRecipient(raw: unknown, index: number): Read {
  const parsed = recipientRequest.safeParse(raw);
  if (parsed.success) return { index, recipient: parsed.data };
  const [first = { pointer: '', detail: 'is not valid' }]: readonly FieldError[] = invalid(parsed.error).fields;
  return { index, rejected: first };
}

async function show({ reader }: Deps, request: Request, response: Response): Promise<void> {
  const { cursor, limit } = parse(batchQuery, request.query, 'query');
  const id = request.params.id;
  const batch = typeof id === 'string' ? await reader.get({ tenant: identityOf(request).tenant, id }) : null;
  if (batch === null || batch.workload !== BATCHES) throw new SignalboxError('not-found', 'There is no batch with this id');
  const { items, rejected } = batchOf(batch);
  const from = cursor === undefined ? 0 : placeOf(cursor, batch);
  const page = items.slice(from, from + limit);
  const children = await Promise.all(page.map((item) => reader.get(childKeyOf(batch, item.index))));
  response.json({
    batchId: batch.id,
    status: statusOf(batch),
    acceptedAt: new Date(batch.createdAt).toISOString(),
    accepted: items.length,
    expanded: await expandedOf(reader, batch),
    rejected,
    items: page.map((item, at) => itemView(batch, item, children[at]?.status ?? 'accepted')),
    nextCursor: from + limit < items.length ? encodeCursor(from + limit, batch.id) : null,
  });
}

/** @throws SignalboxError `invalid-request` where it is not a cursor of this batch */
function placeOf(cursor: string, batch: WorkRecord): number {
  const { at, id } = decodeCursor(cursor);
  if (id === batch.id && Number.isInteger(at) && at >= 0) return at;
  throw new SignalboxError('invalid-request', '?cursor is not one that this list gave out', {
    fields: [{ pointer: '?cursor', detail: 'must be a nextCursor of this list' }],
  });
}

/** What became of the batch; its notifications have states of their own. */
function statusOf(batch: WorkRecord): string {
  if (batch.dueAt !== null) return 'expanding';
  return batch.status === 'delivered' ? 'expanded' : batch.status;
}

/** The same for the first call and every repeat, but for `idempotentHit`. */
function acceptedView(batch: WorkRecord, idempotentHit: boolean) {
  const { items, rejected } = batchOf(batch);
  return {
    batchId: batch.id,
    acceptedAt: new Date(batch.createdAt).toISOString(),
    accepted: items.length,
    rejected,
    items: items.map((item) => itemView(batch, item, 'accepted')),
    idempotentHit,
  };
}

function itemView(batch: WorkRecord, { index, userId }: BatchItem, status: string) {
  return { index, userId, notificationId: childKeyOf(batch, index).id, status };
}
