import type { Effect, EffectClass } from '../../src/ports/channel.js';
import type { PendingWakeUp } from '../../src/ports/outbox.js';
import type { ChangedPerson } from '../../src/ports/people.js';
import type { WakeUp } from '../../src/ports/queue.js';
import type { RecordKey, WorkRecord } from '../../src/ports/record.js';
import {
  type AcceptResult,
  type Amendment,
  type AmendResult,
  type Change,
  type ClaimRequest,
  type ClaimResult,
  type CommitResult,
  type Draft,
  type LeaseRef,
  SUSPECT_AFTER,
} from '../../src/ports/store.js';
import type { Incarnation } from './incarnation.js';
import { judgeAmend } from './referee-amend.js';
import { hasTwin, isExpanded } from './referee-batch.js';
import { type CommitCase, judgeCommit, type Throttle } from './referee-commit.js';
import { overlookedBy } from './referee-people.js';
import { judgeSend } from './referee-send.js';
import type { SimPeople } from './sim-people.js';
import { type Row, rowKey, type SimStore } from './sim-store.js';
import { BATCHES } from './sim-workload.js';
import type { World } from './world.js';

/** A timer may be a little late. */
const TIMER_SLACK_MS = 20;

/** What a process knows that lets it forget a wake-up. */
interface Settling {
  readonly at: number;
  readonly token: number;
}

/** What one life of one process did that its next steps are judged by. */
interface Life {
  readonly settling: Map<string, Settling>;
  /** Leases it was given: when the record was claimed, and how late it heard of it. */
  readonly leases: Map<string, { readonly record: WorkRecord; readonly appliedAt: number; lagMs: number }>;
  readonly publishedAt: Map<string, number>;
  /** The record that it claimed alone and has not settled. */
  alone: string | null;
}

/** What a run is held to, in numbers. */
export interface Limits {
  readonly maxClaims: number;
  readonly leaseMs: number;
  readonly sendTimeoutMs: number;
  /** Nothing stands in the way of what is due. */
  readonly prompt: boolean;
}

/**
 * Watches every step from outside and knows the rules by itself: it compares what was with what is, and trusts neither
 * the pipeline nor the simulated store. With every safety net on a broken rule seldom does harm (a sweeper heals much);
 * here it shows at the step where it is broken.
 */
export class Referee {
  private readonly lives = new Map<Incarnation, Life>();
  /** By operation id and attempt. */
  readonly throttles = new Map<string, Throttle>();
  /** Operation ids whose effect has landed, as the receivers know. */
  readonly landed = new Set<string>();

  constructor(
    private readonly world: World,
    private readonly store: SimStore,
    private readonly people: SimPeople,
    private readonly limits: Limits,
  ) {}

  private life(of: Incarnation): Life {
    let life = this.lives.get(of);
    if (life === undefined) {
      life = { settling: new Map(), leases: new Map(), publishedAt: new Map(), alone: null };
      this.lives.set(of, life);
    }
    return life;
  }

  private violate(kind: string, who: Incarnation, detail: string): void {
    this.world.violate(kind, `${who.name}: ${detail}`);
  }

  /** The store's clock when this process claimed the record that it works on. */
  private claimedAt(who: Incarnation, key: RecordKey): number {
    const lease = this.life(who).leases.get(rowKey(key));
    return lease?.record.lockedAt ?? Number.NEGATIVE_INFINITY;
  }

  /** What has happened, as those know it who would: receivers, and for a batch the store. */
  private landedOf(record: WorkRecord): ReadonlySet<string> {
    if (record.workload !== BATCHES) return this.landed;
    return new Set(isExpanded(this.store, record) ? record.deliveries.map(({ operationId }) => operationId) : []);
  }

  private recordOf(key: RecordKey): WorkRecord | undefined {
    return this.store.row(key)?.record;
  }

  accept(who: Incarnation, drafts: readonly Draft[], run: () => readonly AcceptResult[]): readonly AcceptResult[] {
    const known = drafts.map((draft) => this.recordOf(draft));
    const results = run();
    for (const [index, result] of results.entries()) {
      if (result.outcome !== 'created') continue;
      if (known[index] !== undefined) this.violate('ACCEPTED_TWICE', who, `${result.record.id} was there already`);
      if (hasTwin(this.store, result.record)) this.violate('CHILD_TWICE', who, `${result.record.id} is another one's notification again`);
      if (result.record.publish !== 'pending') this.violate('NO_OUTBOX', who, `${result.record.id} was stored without a pending wake-up`);
    }
    return results;
  }

  /** A 2xx leaves the process. */
  answered(who: Incarnation, result: AcceptResult): void {
    const record = this.recordOf(result.record);
    if (record === undefined) this.violate('NOT_DURABLE', who, `2xx for ${result.record.id}, which is not stored`);
  }

  claim(who: Incarnation, request: ClaimRequest, run: () => ClaimResult): ClaimResult {
    const before = new Map(request.keys.map((key) => [rowKey(key), this.recordOf(key)]));
    const result = run();
    const life = this.life(who);
    if (request.alone && request.keys.length > 1)
      this.violate('SUSPECT_IN_COMPANY', who, `claims ${request.keys.length} at once as suspect`);
    for (const record of result.claimed) {
      const was = before.get(rowKey(record));
      if (was === undefined) this.violate('LEASED_UNNAMED', who, record.id);
      else if (was.lockToken !== record.lockToken) this.judgeClaim(who, request, was, record);
    }
    for (const refusal of result.refused) {
      if (refusal.why !== 'leased' && refusal.why !== 'suspect') this.maySettle(life, refusal);
    }
    return result;
  }

  private judgeClaim(who: Incarnation, request: ClaimRequest, was: WorkRecord, is: WorkRecord): void {
    const now = this.store.now();
    const { id } = is;
    if (was.lockedUntil !== null && was.lockedUntil > now) this.violate('LEASE_STOLEN', who, `${id} is leased by ${was.lockedBy}`);
    if (is.lockToken !== was.lockToken + 1) this.violate('TOKEN', who, `${id} goes from token ${was.lockToken} to ${is.lockToken}`);
    if (is.claims !== was.claims + 1 || is.barrenClaims !== was.barrenClaims + 1) this.violate('UNCOUNTED_CLAIM', who, id);
    if (was.dueAt === null || was.dueAt > now) this.violate('CLAIMED_EARLY', who, id);
    if (is.publish !== 'pending') this.violate('NO_OUTBOX', who, `${id} is claimed without a pending wake-up`);
    if (was.barrenClaims >= SUSPECT_AFTER && !request.alone) this.violate('SUSPECT_IN_COMPANY', who, `${id} is claimed with neighbours`);
    this.life(who).leases.set(rowKey(is), { record: is, appliedAt: this.world.now, lagMs: 0 });
  }

  /** The claim's answer reaches the process. */
  claimArrived(who: Incarnation, request: ClaimRequest, result: ClaimResult): void {
    const life = this.life(who);
    for (const record of result.claimed) {
      const lease = life.leases.get(rowKey(record));
      if (lease !== undefined) lease.lagMs = this.world.now - lease.appliedAt;
    }
    const [only] = result.claimed;
    if (request.alone && only !== undefined) life.alone = rowKey(only);
  }

  /** While a suspect is worked on, nothing else is: so that only the killer dies. */
  private judgeCompany(who: Incarnation, key: RecordKey): void {
    const { alone } = this.life(who);
    if (alone !== null && alone !== rowKey(key)) this.violate('SUSPECT_IN_COMPANY', who, `works on ${key.id} beside a suspect`);
  }

  /** The write leaves the process. */
  commitSent(who: Incarnation, ref: LeaseRef): void {
    this.judgeCompany(who, ref);
  }

  commit(who: Incarnation, ref: LeaseRef, change: Change, run: () => CommitResult): CommitResult {
    const row = this.store.row(ref);
    const before = row?.record;
    const result = run();
    const after = row?.record;
    if (!result.applied || before === undefined || after === undefined || before === after) return result;
    const life = this.life(who);
    const lease = life.leases.get(rowKey(ref));
    const found: CommitCase = {
      ref,
      change,
      before,
      after,
      now: this.store.now(),
      cancelledBeforeClaim: lease !== undefined && lease.record.lockToken === ref.token && lease.record.cancelRequestedAt !== null,
      lagMs: lease?.lagMs ?? 0,
      landed: this.landedOf(before),
      throttles: this.throttles,
      people: this.people,
      claimedAt: this.claimedAt(who, ref),
      ...this.limits,
    };
    for (const [kind, detail] of judgeCommit(found)) this.violate(kind, who, `${ref.id} ${detail}`);
    if (change.release || after.dueAt === null) this.maySettle(life, ref);
    return result;
  }

  renew(who: Incarnation, leases: readonly LeaseRef[], run: () => readonly LeaseRef[]): readonly LeaseRef[] {
    const before = new Map(leases.map((ref) => [ref, this.recordOf(ref)]));
    const extended = run();
    for (const ref of extended) {
      if (before.get(ref)?.lockToken !== ref.token) this.violate('STALE_WRITE', who, `${ref.id} is renewed under token ${ref.token}`);
    }
    return extended;
  }

  amend(who: Incarnation, key: RecordKey, amendment: Amendment, run: () => AmendResult): AmendResult {
    const before = this.recordOf(key);
    const ledger = [...(this.store.row(key)?.ledger ?? [])];
    const result = run();
    if (result.outcome !== 'applied' || before === undefined) return result;
    for (const [kind, detail] of judgeAmend(before, result.record, ledger)) this.violate(kind, who, `${key.id} ${detail}`);
    if (before.lockedUntil !== null && before.lockedUntil > this.store.now())
      this.violate('LEASE_STOLEN', who, `${key.id} is amended while leased`);
    if (before.version !== amendment.version) this.violate('STALE_WRITE', who, `${key.id} is amended over another write`);
    if (result.record.lockToken <= before.lockToken) this.violate('TOKEN', who, `${key.id} is amended without a fence`);
    return result;
  }

  /** A change of someone's choices is said to have reached all that waits. */
  applied(who: Incarnation, person: ChangedPerson, run: () => void): void {
    run();
    for (const detail of overlookedBy(this.store, person)) this.violate('APPLIED_EARLY', who, detail);
  }

  read(who: Incarnation, key: RecordKey, record: WorkRecord | null): void {
    if (record === null || record.dueAt === null) this.maySettle(this.life(who), key);
  }

  queuePublished(who: Incarnation, wakeUps: readonly WakeUp[]): void {
    for (const wakeUp of wakeUps) this.life(who).publishedAt.set(rowKey(wakeUp), this.store.now());
  }

  /** Each is judged on its own: one call may hold a record twice, as it was before and after an amendment. */
  marked(who: Incarnation, wakeUps: readonly PendingWakeUp[], mark: (wakeUp: PendingWakeUp) => void): void {
    for (const wakeUp of wakeUps) {
      const was = this.recordOf(wakeUp);
      mark(wakeUp);
      if (was === undefined || this.recordOf(wakeUp) === was) continue;
      if (was.version !== wakeUp.version) this.violate('STALE_WRITE', who, `${wakeUp.id} is marked over another write`);
      const published = this.life(who).publishedAt.get(rowKey(wakeUp)) ?? Number.NEGATIVE_INFINITY;
      if (published < was.updatedAt) this.violate('MARKED_UNPUBLISHED', who, `${wakeUp.id} version ${wakeUp.version}`);
    }
  }

  /** From now on this process may forget wake-ups of this record that it was handed before. */
  private maySettle(life: Life, key: RecordKey): void {
    life.settling.set(rowKey(key), { at: this.world.now, token: this.recordOf(key)?.lockToken ?? 0 });
  }

  /** The process says that a wake-up which it was handed at `handedAt` can be forgotten. */
  ack(who: Incarnation, wakeUp: WakeUp, handedAt: number): void {
    const settling = this.life(who).settling.get(rowKey(wakeUp));
    const record = this.recordOf(wakeUp);
    if (settling === undefined || settling.at < handedAt) {
      this.violate('ACKED_EARLY', who, `${wakeUp.id} (${record?.status ?? 'missing'}) is neither at rest nor put off by this process`);
    } else if (record?.lockedBy === who.name && record.lockToken === settling.token && (record.lockedUntil ?? 0) > this.store.now()) {
      this.violate('ACKED_UNRELEASED', who, `${wakeUp.id} is still leased`);
    }
    this.released(who, wakeUp);
  }

  released(who: Incarnation, wakeUp: WakeUp): void {
    const life = this.life(who);
    if (life.alone === rowKey(wakeUp)) life.alone = null;
  }

  /** True when a call goes on in a process that was not stopped meanwhile, although four fifths of its lease are used up: its signal should have fired. */
  runsOn(who: Incarnation, effect: Effect): boolean {
    const key = { tenant: effect.tenant, id: effect.recordId };
    const lease = this.life(who).leases.get(rowKey(key));
    const record = this.recordOf(key);
    if (lease === undefined || record === undefined) return false;
    // Replaced: the lease was over at the latest when it was taken.
    const over = record.lockToken === lease.record.lockToken ? record.lockedUntil : record.lockedAt;
    const due = (over ?? Number.POSITIVE_INFINITY) - this.limits.leaseMs / 5 + TIMER_SLACK_MS;
    return this.store.now() > due && this.world.now - who.pausedUntil > this.limits.leaseMs;
  }

  /** A call to a provider leaves the process. */
  send(who: Incarnation, effect: Effect, effectClass: EffectClass): void {
    this.judgeCompany(who, { tenant: effect.tenant, id: effect.recordId });
    const row: Row | undefined = this.store.row({ tenant: effect.tenant, id: effect.recordId });
    const { leaseMs } = this.limits;
    const claimedAt = this.claimedAt(who, { tenant: effect.tenant, id: effect.recordId });
    const found = { effect, effectClass, row, worker: who.name, now: this.store.now(), leaseMs, people: this.people, claimedAt };
    for (const [kind, detail] of judgeSend(found)) this.violate(kind, who, `${effect.recordId} ${detail}`);
  }
}
