import type { Chance } from '../ports/chance.js';
import type { EffectClass, Outcome } from '../ports/channel.js';
import type { Delivery, Failure, LedgerEntry } from '../ports/record.js';
import { asDead } from './dead-letter.js';
import { backoffMs } from './retry.js';
import type { PipelineSettings } from './settings.js';
import type { UnknownPolicy } from './workload.js';

/** What an outcome is judged on. */
export interface Judgement {
  readonly workload: string;
  readonly delivery: Delivery;
  readonly effectClass: EffectClass;
  readonly policy: UnknownPolicy;
  readonly cancelRequested: boolean;
  /** The store's clock. */
  readonly now: number;
  readonly settings: PipelineSettings;
  readonly chance: Chance;
}

/** What follows from an outcome: the delivery's new state, the ledger's word for it, and the event to leave. */
export interface Verdict {
  readonly delivery: Delivery;
  readonly result: NonNullable<LedgerEntry['result']>;
  readonly event: string;
  readonly rule: string;
}

/** Every outcome leads to exactly one of: delivered, put off, dead, held. Pure but for the jitter. */
export function judge(on: Judgement, outcome: Outcome): Verdict {
  switch (outcome.kind) {
    case 'done':
      return { delivery: delivered(on, 'effect.done'), result: 'delivered', event: 'delivered', rule: 'effect.done' };
    case 'dead':
      return dead(on, outcome.failure, 'effect.refused', 'dead');
    case 'retry':
      return outcome.throttled === true
        ? putOffOrDie(on, { ...on.delivery, throttles: on.delivery.throttles + 1 }, outcome.failure, 'throttled', outcome.afterMs)
        : putOffOrDie(on, on.delivery, outcome.failure, 'retry', outcome.afterMs);
    case 'defer':
      return goOnLater(on, outcome.rule, outcome.afterMs);
    case 'unknown':
      return judgeUnknown(on, outcome.failure);
  }
}

/**
 * The effect may or may not have happened. Only a provider that absorbs or answers for a repeat is tried again by
 * rule; at any other the policy decides, and a person where it says `hold`.
 */
function judgeUnknown(on: Judgement, failure: Failure): Verdict {
  if (on.cancelRequested) return held(on, failure, 'unknown.cancel-requested');
  if (on.effectClass === 'idempotent') return putOffOrDie(on, on.delivery, failure, 'unknown');
  if (on.effectClass === 'queryable') {
    // The intent stays open, so that the next holder asks before it sends.
    const verdict = putOffOrDie(on, on.delivery, failure, 'unknown');
    // Asking costs no attempt, so it is bounded by time: as long as all retries together could have taken.
    const askedForMs = on.now - (on.delivery.intentAt ?? on.now);
    const askedEnough = askedForMs > on.settings.backoffMaxMs * (on.settings.maxRetries + 1);
    if (verdict.delivery.status === 'dead' || askedEnough) return held(on, failure, 'unknown.retries-exhausted');
    return { ...verdict, delivery: { ...verdict.delivery, intentAt: on.delivery.intentAt } };
  }
  switch (on.policy) {
    case 'hold':
      return held(on, failure, 'unknown.hold');
    case 'assume-delivered':
      return {
        delivery: delivered(on, 'unknown.assume-delivered'),
        result: 'unknown',
        event: 'delivered',
        rule: 'unknown.assume-delivered',
      };
    case 'resend':
      return putOffOrDie(on, on.delivery, failure, 'unknown');
  }
}

/** A step of longer work: it got somewhere, so all attempts so far are forgiven. Retries count since the last step. */
function goOnLater({ delivery, now }: Judgement, rule: string, afterMs: number): Verdict {
  const forgiven = delivery.attempts - delivery.throttles;
  const later: Delivery = { ...delivery, forgiven, status: 'deferred', reason: rule, dueAt: now + afterMs, intentAt: null };
  return { delivery: later, result: 'deferred', event: 'deferred', rule };
}

function delivered(on: Judgement, rule: string): Delivery {
  return { ...on.delivery, status: 'delivered', reason: rule, failure: null, dueAt: null, intentAt: null, settledAt: on.now };
}

function held(on: Judgement, failure: Failure, rule: string): Verdict {
  const delivery: Delivery = { ...on.delivery, status: 'held', reason: rule, failure, dueAt: null, intentAt: null, settledAt: on.now };
  return { delivery, result: 'unknown', event: 'held', rule };
}

function dead(on: Judgement, failure: Failure, rule: string, result: Verdict['result']): Verdict {
  return { delivery: asDead(on.workload, on.delivery, failure, rule, on.now), result, event: 'dead', rule };
}

function putOffOrDie(
  on: Judgement,
  delivery: Delivery,
  failure: Failure,
  result: 'retry' | 'throttled' | 'unknown',
  afterMs?: number,
): Verdict {
  const { settings, now } = on;
  const failures = delivery.attempts - delivery.throttles - (delivery.forgiven ?? 0);
  if (result === 'throttled' && delivery.throttles > settings.maxThrottles) {
    return dead({ ...on, delivery }, failure, 'throttles.exhausted', result);
  }
  if (result !== 'throttled' && failures > settings.maxRetries) {
    return dead({ ...on, delivery }, failure, 'retries.exhausted', result);
  }
  const dueAt = now + backoffMs(Math.max(1, failures), settings, on.chance, afterMs);
  const rule = afterMs === undefined ? 'retry.full-jitter' : 'retry.after';
  return {
    delivery: { ...delivery, status: 'deferred', reason: rule, failure, dueAt, intentAt: null },
    result,
    event: 'retried',
    rule,
  };
}
