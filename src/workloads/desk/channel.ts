import { SignalboxError } from '../../errors.js';
import type { Amended, DeskActions } from '../../pipeline/amend.js';
import type { Channel, Effect, Outcome } from '../../ports/channel.js';
import type { Clock } from '../../ports/clock.js';
import type { DeliveryRow, RecordReader } from '../../ports/reader.js';
import type { Failure } from '../../ports/record.js';
import { DESK, type DeskPlan, scopeOf } from './plan.js';

/** Deliveries changed in one step, and side by side: many writes of one turn share one commit. */
const STEP = 200;
const SIDE_BY_SIDE = 50;
/** When deliveries were found that could not be changed just now, the next look comes after this long. */
const BUSY_PAUSE_MS = 1000;

interface Deps {
  readonly reader: RecordReader;
  /** Asked at each step: the pipeline that does it is put together after its workloads. */
  readonly actions: () => DeskActions;
  readonly clock: Clock;
  /** A step ends by itself after this long, milliseconds: well inside the time limit of a call. */
  readonly stepMs: number;
}

/** What a step came to. */
interface Step {
  changed: number;
  /** Could not be changed now: a worker has the record, or somebody was faster. */
  left: number;
  lastFailure: string;
  /** Everything that matches was looked at. */
  complete: boolean;
}

/**
 * Does one operation on many, a step for each call: `defer` while there is more, `done` when a whole pass finds nothing
 * to do. Of class `idempotent`: every single change is a compare-and-set that an operation makes once for each delivery,
 * so a step that was cut off is simply done again.
 *
 * What can never be changed does not go round for ever: each look that finds nothing else counts as a request to slow
 * down, of which a delivery may have so many before it is a dead letter itself, saying why.
 */
export function deskChannel(deps: Deps): Channel {
  return {
    name: DESK,
    effectClass: 'idempotent',
    provider: () => DESK,
    async send(effect, signal) {
      const startedAt = deps.clock.monotonic();
      const plan = effect.data as unknown as DeskPlan & { readonly actor: string };
      const most = plan.ratePerSecond === null ? STEP : Math.min(STEP, Math.max(1, Math.floor(plan.ratePerSecond)));
      try {
        const step = await walk(deps, effect, plan, { most, endsAt: startedAt + deps.stepMs, signal });
        const dueInMs = plan.ratePerSecond === null ? 0 : (step.changed / plan.ratePerSecond) * 1000;
        return outcomeOf(step, Math.max(0, Math.ceil(dueInMs - (deps.clock.monotonic() - startedAt))));
      } catch (error) {
        return troubleOf(error);
      }
    },
  };
}

function outcomeOf({ changed, left, lastFailure, complete }: Step, dueInMs: number): Outcome {
  if (!complete) return { kind: 'defer', rule: 'desk.next-step', afterMs: dueInMs };
  if (changed > 0) return { kind: 'defer', rule: 'desk.next-step', afterMs: left > 0 ? Math.max(dueInMs, BUSY_PAUSE_MS) : dueInMs };
  if (left === 0) return { kind: 'done' };
  const failure: Failure = { code: 'deliveries_busy', message: `${left} deliveries could not be changed; the last: ${lastFailure}` };
  return { kind: 'retry', failure, throttled: true, afterMs: BUSY_PAUSE_MS };
}

/** Nothing is lost by trying again; what is not the store's to say uses up retries like any failure. */
function troubleOf(error: unknown): Outcome {
  if (error instanceof SignalboxError && error.retryable) {
    const failure: Failure = { code: error.code, message: error.message };
    return { kind: 'retry', failure, throttled: true, afterMs: BUSY_PAUSE_MS };
  }
  return { kind: 'retry', failure: { code: 'desk_error', message: error instanceof Error ? error.name : 'unforeseen' } };
}

/** Through what matches, page by page, until enough is changed or the time is up. */
async function walk(
  deps: Deps,
  effect: Effect,
  plan: DeskPlan & { readonly actor: string },
  until: { readonly most: number; readonly endsAt: number; readonly signal: AbortSignal },
): Promise<Step> {
  const scope = scopeOf(plan, effect.tenant, effect.acceptedAt);
  const step: Step = { changed: 0, left: 0, lastFailure: '', complete: false };
  let after: { settledAt: number; id: string } | undefined;
  while (step.changed < until.most && !until.signal.aborted && deps.clock.monotonic() < until.endsAt) {
    const limit = Math.min(SIDE_BY_SIDE, until.most - step.changed);
    const rows = await deps.reader.listDeliveries({ ...scope, limit, ...(after === undefined ? {} : { after }) });
    const results = await Promise.allSettled(rows.map((row) => act(deps.actions(), effect, plan, row)));
    for (const result of results) note(step, result);
    const last = rows.at(-1)?.delivery;
    if (last === undefined || rows.length < limit) return { ...step, complete: true };
    after = { settledAt: last.settledAt ?? 0, id: last.id };
  }
  return step;
}

function note(step: Step, result: PromiseSettledResult<Amended>): void {
  if (result.status === 'fulfilled') {
    // Not changed: this operation has been there before, whatever the clocks say about it.
    if (result.value.changed) step.changed += 1;
    return;
  }
  step.left += 1;
  step.lastFailure = result.reason instanceof SignalboxError ? result.reason.message : 'it failed in an unforeseen way';
}

function act(actions: DeskActions, effect: Effect, plan: DeskPlan & { readonly actor: string }, row: DeliveryRow): Promise<Amended> {
  const common = { deliveryId: row.delivery.id, actor: plan.actor, operation: effect.recordId };
  const note = plan.note === null ? {} : { note: plan.note };
  switch (plan.action) {
    case 'redrive':
      return actions.redrive(row.record, { ...common, ...note });
    case 'discard':
      return actions.discard(row.record, { ...common, reason: plan.note ?? '' });
    case 'resolve':
      return actions.resolveHeld(row.record, { ...common, ...note, resolution: plan.resolution });
  }
}
