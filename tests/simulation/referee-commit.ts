import type { Delivery, LedgerEntry, WorkRecord } from '../../src/ports/record.js';
import type { Change, LeaseRef } from '../../src/ports/store.js';
import type { Finding } from './finding.js';
import { judgeChoices, judgePutOff } from './referee-people.js';
import type { SimPeople } from './sim-people.js';
import { expiryOf } from './sim-workload.js';

/** A provider asked us to slow down: when, and for how long. */
export interface Throttle {
  readonly at: number;
  readonly afterMs: number;
}

/** One applied write under a lease, and what is known about it from outside. */
export interface CommitCase {
  readonly ref: LeaseRef;
  readonly change: Change;
  readonly before: WorkRecord;
  readonly after: WorkRecord;
  readonly now: number;
  /** The cancel request was there when this holder claimed. */
  readonly cancelledBeforeClaim: boolean;
  /** How far the holder's idea of the store's clock is behind: its claim's answer took so long. */
  readonly lagMs: number;
  readonly landed: ReadonlySet<string>;
  readonly throttles: ReadonlyMap<string, Throttle>;
  readonly maxClaims: number;
  readonly people: SimPeople;
  /** The store's clock when the holder claimed. */
  readonly claimedAt: number;
  /** How long a call may take: so long before quiet hours none may begin. */
  readonly sendTimeoutMs: number;
  /** Without faults, and with receivers that answer at once, quiet hours are not outstayed. */
  readonly prompt: boolean;
}

/** Later than this after the end of quiet hours is too late. */
const PROMPT_MS = 1000;

const OPEN: ReadonlySet<string> = new Set(['queued', 'scheduled', 'deferred', 'processing']);

export function judgeCommit(on: CommitCase): readonly Finding[] {
  const { before, after, ref, change } = on;
  const findings: Finding[] = [];
  if (before.lockToken !== ref.token || before.lockedBy !== ref.worker) {
    findings.push(['STALE_WRITE', `written under token ${ref.token}, which ${before.lockedBy}'s ${before.lockToken} has replaced`]);
  }
  const open = after.deliveries.some((delivery) => OPEN.has(delivery.status));
  // The other way round (due, nothing open) heals at the next claim; this would never be seen again.
  if (open && after.dueAt === null) findings.push(['DUE_LOST', 'open deliveries, but not due']);
  for (const is of change.deliveries) {
    const was = before.deliveries.find((delivery) => delivery.id === is.id);
    if (was === undefined) findings.push(['UNKNOWN_DELIVERY', is.id]);
    else findings.push(...judgeDelivery(on, was, is));
  }
  return findings;
}

function judgeDelivery(on: CommitCase, was: Delivery, is: Delivery): readonly Finding[] {
  const findings: Finding[] = [];
  const mine = on.change.ledger.filter((entry) => entry.deliveryId === is.id);
  const intent = mine.find((entry) => entry.kind === 'intent');
  if (!OPEN.has(was.status)) findings.push(['REST_DISTURBED', `${was.status} becomes ${is.status}`]);
  if (is.operationId !== was.operationId) findings.push(['RENAMED', 'the operation id has changed']);
  if (is.attempts !== was.attempts && (is.attempts !== was.attempts + 1 || intent === undefined)) {
    findings.push(['ATTEMPT_WITHOUT_INTENT', `attempts go from ${was.attempts} to ${is.attempts}`]);
  }
  if (intent !== undefined) findings.push(...judgeIntent(on, was, intent));
  const done = mine.some((entry) => entry.kind === 'outcome' && entry.result === 'delivered');
  if (is.status === 'delivered' && done && !on.landed.has(is.operationId)) {
    findings.push(['OUTCOME_BEFORE_EFFECT', 'delivered, but nothing has landed']);
  }
  if (is.reason === 'claims.exhausted' && on.before.barrenClaims <= on.maxClaims) {
    findings.push(['GIVEN_UP_EARLY', `after ${on.before.barrenClaims} barren claims`]);
  }
  findings.push(...judgeThrottle(on, is, mine), ...judgePutOff(on.people, on.before, is, on.change.events));
  return findings;
}

function judgeIntent(on: CommitCase, was: Delivery, intent: LedgerEntry): readonly Finding[] {
  const { people, before: record, claimedAt, sendTimeoutMs: marginMs } = on;
  const findings: Finding[] = [...judgeChoices({ people, record, channel: was.channel, claimedAt, now: on.now, at: intent.at, marginMs })];
  if (on.prompt && was.reason === 'quiet-hours' && was.dueAt !== null && on.now - was.dueAt > PROMPT_MS) {
    findings.push(['QUIET_OUTSTAYED', `${on.now - was.dueAt} ms after the end of quiet hours`]);
  }
  if (on.cancelledBeforeClaim) findings.push(['CANCEL_IGNORED', 'an intent under a claim that knew of the cancel request']);
  if (was.intentAt === null && was.dueAt !== null && was.dueAt > on.now) {
    findings.push(['SENT_EARLY', `${was.dueAt - on.now} ms before it is due`]);
  }
  return findings;
}

function judgeThrottle(on: CommitCase, is: Delivery, mine: readonly LedgerEntry[]): readonly Finding[] {
  const heard = mine.find((entry) => entry.result === 'throttled');
  // An earlier attempt may still be on its way, and be asked for something else.
  const asked = heard === undefined ? undefined : on.throttles.get(`${is.operationId} ${heard.attempt}`);
  if (asked === undefined || is.status !== 'deferred' || is.dueAt === null) return [];
  // What would be due only after its end is looked at when it ends; it is not sent then.
  const wanted = Math.min(asked.at + asked.afterMs - on.lagMs, expiryOf(on.before) ?? Number.POSITIVE_INFINITY);
  const early = wanted - is.dueAt;
  return early > 0 ? [['RETRY_AFTER_IGNORED', `due ${early} ms before the provider asked for`]] : [];
}
