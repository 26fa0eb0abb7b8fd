import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { SignalboxError } from '../../errors.js';
import { deskFilter, remark, resolution, toDeliveryFilter } from '../../ingress/desk-filter.js';
import { groupView } from '../../ingress/desk-view.js';
import { idempotencyKeyOf } from '../../ingress/idempotency.js';
import { type Identity, identityOf } from '../../ingress/identity.js';
import { parse } from '../../ingress/problem.js';
import { correlationOf } from '../../ingress/request-id.js';
import type { Submission } from '../../pipeline/accept.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import type { Clock } from '../../ports/clock.js';
import type { DeskReader } from '../../ports/desk.js';
import type { RecordReader } from '../../ports/reader.js';
import type { WorkRecord } from '../../ports/record.js';
import type { AcceptResult } from '../../ports/store.js';
import { operationView } from './operation.js';
import { DESK, type DeskAction, type DeskPlan, planOf, scopeOf, statusFor } from './plan.js';

/** Groups that a dry run shows. */
const GROUPS_SHOWN = 20;
const OPEN = ['queued', 'deferred', 'processing', 'scheduled'] as const;
/** Open operations of one status that are looked through; there are as many as there are actions, but for a cancelled few. */
const OPEN_SHOWN = 100;

const common = {
  filter: deskFilter,
  dryRun: z.boolean().default(false),
  ratePerSecond: z.number().min(0.1).max(1000).optional(),
};
const redriveBody = z.strictObject({ ...common, note: remark.optional() });
const discardBody = z.strictObject({ ...common, reason: remark });
const resolveBody = z.strictObject({ ...common, note: remark.optional(), resolution });

/** What is asked, before it is known how much it is about. */
type Wish = Pick<DeskPlan, 'filter' | 'ratePerSecond' | 'note'> &
  ({ readonly action: 'redrive' | 'discard' } | { readonly action: 'resolve'; readonly resolution: z.infer<typeof resolution> });

interface Deps {
  readonly pipeline: Pick<Pipeline, 'accept' | 'cancel'>;
  readonly reader: RecordReader;
  readonly desk: DeskReader;
  readonly clock: Clock;
  /** Throws when the backlog is full or the server is going down: then nothing is accepted. */
  admit(): void;
}

/** Operations on many deliveries of the desk, to be mounted at `/api/v1`. */
export function deskOperationRoutes(deps: Deps): Router {
  const router = Router();
  const oneAtATime = createTurns();

  const begin = async (request: Request, response: Response, wish: Wish, dryRun: boolean): Promise<void> => {
    if (dryRun) await showOnly(deps, request, response, wish);
    // One after the other: between the look at what is open and the accept nobody else's operation may slip in.
    else await oneAtATime(() => accept(deps, request, response, wish));
  };

  router.post('/dead-letters/redrive', (request, response) => {
    const { filter, dryRun, ratePerSecond = null, note = null } = parse(redriveBody, request.body);
    return begin(request, response, { action: 'redrive', filter: given(filter), ratePerSecond, note }, dryRun);
  });

  router.post('/dead-letters/discard', (request, response) => {
    const { filter, dryRun, ratePerSecond = null, reason } = parse(discardBody, request.body);
    return begin(request, response, { action: 'discard', filter: given(filter), ratePerSecond, note: reason }, dryRun);
  });

  router.post('/held/resolve', (request, response) => {
    const { filter, dryRun, ratePerSecond = null, note = null, resolution: answer } = parse(resolveBody, request.body);
    const wish: Wish = { action: 'resolve', filter: given(filter), ratePerSecond, note, resolution: answer };
    return begin(request, response, wish, dryRun);
  });

  router.get('/desk/operations/:id', async (request, response) => {
    const record = await find(deps.reader, request);
    response.json(operationView(record, await deps.desk.doneBy(record.tenant, record.id)));
  });

  router.post('/desk/operations/:id/cancel', async (request, response) => {
    const record = await deps.pipeline.cancel(await find(deps.reader, request), identityOf(request).principal);
    // 202: a step is under way; the next one will not begin.
    response.status(record.dueAt === null ? 200 : 202).json(operationView(record, await deps.desk.doneBy(record.tenant, record.id)));
  });

  return router;
}

async function showOnly({ desk, clock }: Deps, request: Request, response: Response, wish: Wish): Promise<void> {
  const scope = scopeOf({ ...wish, matched: 0 }, identityOf(request).tenant, clock.now());
  const [matched, groups] = await Promise.all([desk.count(scope), desk.groups(scope, GROUPS_SHOWN)]);
  response.json({ dryRun: true, action: wish.action, matched, groups: groups.map(groupView) });
}

async function accept(deps: Deps, request: Request, response: Response, wish: Wish): Promise<void> {
  deps.admit();
  const identity = identityOf(request);
  const key = idempotencyKeyOf(request, undefined);
  const matched = await deps.desk.count(scopeOf({ ...wish, matched: 0 }, identity.tenant, deps.clock.now()));
  const submission = submissionOf(identity, key, { ...wish, matched }, wish, response);
  const { outcome, record } = await acceptOrFind(deps, submission, wish.action);
  if (outcome === 'conflict') {
    const fields = [{ pointer: 'header: Idempotency-Key', detail: 'was used with another body' }];
    throw new SignalboxError('idempotency-conflict', 'This idempotency key was used before with another body', { fields });
  }
  const repeat = outcome === 'repeat';
  response.setHeader('Location', `/api/v1/desk/operations/${record.id}`);
  if (repeat) response.setHeader('Idempotency-Replayed', 'true');
  const answer = { operationId: record.id, action: wish.action, status: 'running', matched: planOf(record).matched, done: 0 };
  response.status(repeat ? 200 : 202).json({ ...answer, idempotentHit: repeat });
}

/** A repeat is a repeat, whatever else is open by now. */
async function acceptOrFind({ pipeline, reader }: Deps, submission: Submission, action: DeskAction): Promise<AcceptResult> {
  const known = submission.key === null ? null : await pipeline.accept.known(submission);
  if (known !== null) return known;
  const other = await openOperation(reader, submission.tenant, action);
  if (other === null) return pipeline.accept(submission);
  throw new SignalboxError('conflict', `Another ${action} of many is not finished: operation ${other.id}`, {
    fields: [{ pointer: '', detail: `see /api/v1/desk/operations/${other.id}` }],
  });
}

async function openOperation(reader: RecordReader, tenant: string, action: DeskAction): Promise<WorkRecord | null> {
  for (const status of OPEN) {
    const records = await reader.list({ tenant, workload: DESK, status, limit: OPEN_SHOWN });
    const found = records.find((record) => planOf(record).action === action);
    if (found !== undefined) return found;
  }
  return null;
}

function submissionOf(identity: Identity, key: string | null, plan: DeskPlan, wish: Wish, response: Response): Submission {
  return {
    workload: DESK,
    ...identity,
    key,
    // How many match now is no part of what was asked.
    sameness: wish,
    userId: null,
    // A step must not wait behind all that the steps before it have brought back.
    priority: 'urgent',
    payload: plan,
    targets: [{ channel: DESK, recipient: plan.action }],
    scheduledFor: null,
    correlation: correlationOf(response),
  };
}

async function find(reader: RecordReader, request: Request): Promise<WorkRecord> {
  const id = request.params['id'];
  const record = typeof id === 'string' ? await reader.get({ tenant: identityOf(request).tenant, id }) : null;
  if (record === null || record.workload !== DESK) throw new SignalboxError('not-found', 'There is no operation with this id');
  return record;
}

/** The fields that were given, so that two ways to say the same are the same. */
function given(filter: z.infer<typeof deskFilter>): Wish['filter'] {
  const { tenant: _tenant, status: _status, ...fields } = toDeliveryFilter('', statusFor('redrive'), filter);
  return fields;
}

/** Runs what it is given one after the other. */
function createTurns(): <T>(run: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (run) => {
    const turn = last.then(run);
    last = turn.catch(() => undefined);
    return turn;
  };
}
