import type { Chance } from '../ports/chance.js';
import type { Channel, Outcome } from '../ports/channel.js';
import type { Clock, Timers } from '../ports/clock.js';
import type { Delivery, Detail, LedgerEntry, RecordEvent } from '../ports/record.js';
import type { Watch } from '../ports/watch.js';
import type { Breakers, BreakerVerdict } from './breaker.js';
import { breakerVerdict, call } from './call.js';
import { asDead, atRest } from './dead-letter.js';
import { isOpen } from './envelope.js';
import type { Lease, LeasedChange } from './lease.js';
import { Notes, withOutcome } from './notes.js';
import { judge, type Verdict } from './outcome.js';
import type { Places } from './places.js';
import { RATE_LIMITED, type Rates } from './rates.js';
import type { PipelineSettings } from './settings.js';
import type { Decision, Workload } from './workload.js';

export interface DeliverDeps {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly breakers: Breakers;
  readonly places: Places;
  readonly rates: Rates;
  /** True once the process takes nothing more: what has not begun is put off for another. */
  draining(): boolean;
  readonly watch: Watch;
  readonly settings: PipelineSettings;
}

/** `applied`: all that was due is written and the lease given back. `stale`: someone else holds the record. */
export type Delivered = 'applied' | 'stale';

/**
 * Works on one leased record: every delivery that is due goes decide → intent → effect → outcome, side by side; the
 * last write gives the lease back. This is the only place where effects are brought about.
 */
export async function deliver(deps: DeliverDeps, workload: Workload, lease: Lease): Promise<Delivered> {
  return new Pass(deps, workload, lease).run();
}

const EXHAUSTED = { code: 'claims_exhausted', message: 'claimed again and again without any progress: it may kill its worker' } as const;
const LOST = { code: 'outcome_lost', message: 'the worker was lost between intent and outcome' } as const;
const NO_CHANNEL = { code: 'channel_missing', message: 'no channel of this name is configured' } as const;

type Ruling = Decision | { readonly kind: 'cancel' };
/** What came of a call, not written yet. */
type Made = { readonly verdict: Verdict; readonly entry: LedgerEntry };

/** One pass over one leased record. */
class Pass {
  /** Events and entries that go out with the next write. */
  private pending: RecordEvent[] = [];
  private readonly notes: Notes;
  private left = 0;
  /** What the rules look at besides the record. */
  private circumstances: unknown = null;

  constructor(
    private readonly deps: DeliverDeps,
    private readonly workload: Workload,
    private readonly lease: Lease,
  ) {
    this.notes = new Notes(lease);
  }

  async run(): Promise<Delivered> {
    const { lease } = this;
    const now = lease.now();
    // The claim leaves its event with the first write under it: alone it would cost a write more per item.
    this.pending.push(...this.notes.claim());
    const open = lease.record.deliveries.filter(isOpen);
    if (lease.record.barrenClaims > this.deps.settings.maxClaims) return this.giveUp(open, now);
    const cancelled = lease.record.cancelRequestedAt !== null;
    const due = open.filter((delivery) => cancelled || delivery.intentAt !== null || (delivery.dueAt !== null && delivery.dueAt <= now));
    if (due.length === 0) return this.write({ deliveries: [], ledger: [], events: [], release: true });
    this.left = due.length;
    await this.lookAround();
    // All are waited for, also when one fails: the lease must not be dropped under a call that is under way.
    const results = await Promise.allSettled(due.map((delivery) => this.one(delivery)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return results.some((result) => result.status === 'fulfilled' && result.value === 'stale') ? 'stale' : 'applied';
  }

  /** Under the lease: whoever changes what is read here finds the record held, and comes back to it. */
  private async lookAround(): Promise<void> {
    try {
      this.circumstances = await this.workload.circumstances?.(this.lease.record);
    } catch (error) {
      // Given back with a write, or an outage of what was to be read would count as a record that kills its workers.
      const event = this.notes.event('handed-back', 'circumstances.unavailable', null, {});
      await this.write({ deliveries: [], ledger: [], events: [event], release: true });
      throw error;
    }
  }

  /** From here on one delivery: the chain in reading order. */
  private async one(delivery: Delivery): Promise<Delivered> {
    const channel = this.channelOf(delivery);
    if (channel === null) return this.rest(asDead(this.workload.name, delivery, NO_CHANNEL, 'channel.missing', this.lease.now()), 'dead');

    const carried: LedgerEntry[] = [];
    let current = delivery;
    if (delivery.intentAt !== null) {
      const recovered = await this.recover(delivery, channel);
      const { status, intentAt } = recovered.verdict.delivery;
      // At rest, or still unknown at a provider that can be asked again: nothing may be sent now.
      if (status !== 'deferred' || intentAt !== null) return this.settle(recovered.verdict, recovered.entry);
      carried.push({ ...recovered.entry, result: recovered.verdict.result });
      this.pending.push(this.notes.event('recovered', 'unknown.send-again', delivery, { attempt: delivery.attempts }));
      current = { ...recovered.verdict.delivery, dueAt: this.lease.now() };
    }

    // Before standing in line, or what is over would be put off again and again for want of a place that it does not need.
    const ruling = this.rule(current);
    if (ruling.kind !== 'send') return this.obey(ruling, current, carried);
    const provider = channel.provider(current.recipient);
    const { tenant, userId } = this.lease.record;
    const place = await this.deps.places.take(provider, channel.concurrency, `${tenant}\n${userId ?? ''}`);
    if ('retryInMs' in place) return this.putOff(current, 'provider.busy', this.lease.now() + place.retryInMs, carried);
    // Left when the call is over: whoever stands in line need not wait for our outcome to be written.
    let made: Delivered | Made;
    try {
      made = await this.attempt(current, channel, provider, carried);
    } finally {
      place.leave();
    }
    return typeof made === 'string' ? made : this.settle(made.verdict, made.entry);
  }

  /** With a place at the provider: is it still to be sent, and may it be; then intent and effect. */
  private async attempt(current: Delivery, channel: Channel, provider: string, carried: readonly LedgerEntry[]): Promise<Delivered | Made> {
    // Standing in line may have taken longer than the lease: whoever has the record now decides.
    if (!this.lease.safe()) return 'stale';
    const ruling = this.rule(current);
    if (ruling.kind !== 'send') return this.obey(ruling, current, carried);
    if (this.deps.draining()) return this.putOff(current, 'drain', this.lease.now(), carried);
    const admission = this.deps.breakers.enter(provider);
    if (!admission.admitted) return this.putOff(current, 'breaker.open', this.breakerEnd(admission.retryInMs), carried);
    let verdict: BreakerVerdict = 'neutral';
    try {
      // Once the breaker lets it through, or a call that is not made would use up the rate.
      const turnInMs = await this.deps.rates.take(provider, channel.ratePerSecond, current.reason === RATE_LIMITED);
      if (turnInMs !== null) return await this.putOff(current, RATE_LIMITED, this.lease.now() + turnInMs, carried);
      const intent = await this.intend(current, ruling, provider, carried);
      if (intent === 'stale') return 'stale';
      const startedAt = this.deps.clock.monotonic();
      const outcome = await call(this.deps, this.lease, channel, this.workload.effect(this.lease.record, intent));
      verdict = breakerVerdict(outcome);
      const entry = this.notes.entry(intent, provider, 'outcome', Math.round(this.deps.clock.monotonic() - startedAt));
      return { verdict: this.judge(intent, channel, outcome), entry: withOutcome(entry, outcome) };
    } finally {
      admission.report(verdict);
    }
  }

  /** What is to become of the delivery now. */
  private rule(current: Delivery): Ruling {
    if (this.lease.record.cancelRequestedAt !== null) return { kind: 'cancel' };
    return this.workload.decide(this.lease.record, current, this.lease.now(), this.circumstances);
  }

  private obey(ruling: Exclude<Ruling, { kind: 'send' }>, current: Delivery, carried: readonly LedgerEntry[]): Promise<Delivered> {
    const now = this.lease.now();
    switch (ruling.kind) {
      case 'cancel':
        return this.rest(atRest(current, 'cancelled', 'cancel.requested', now), 'cancelled', carried);
      case 'defer':
        return this.putOff(current, ruling.rule, ruling.until, carried, ruling.facts);
      case 'skip':
        return this.rest(atRest(current, 'skipped', ruling.rule, now), 'skipped', carried, ruling.facts);
      case 'expire':
        return this.rest(atRest(current, 'expired', ruling.rule, now), 'expired', carried, ruling.facts);
    }
  }

  /** The intent is stored before the call: `attempts` rises with it, and a crash from here on is an unknown outcome. */
  private async intend(
    delivery: Delivery,
    { rule, facts }: Decision,
    provider: string,
    carried: readonly LedgerEntry[],
  ): Promise<Delivery | 'stale'> {
    const now = this.lease.now();
    const intent: Delivery = {
      ...delivery,
      status: 'processing',
      attempts: delivery.attempts + 1,
      dueAt: now,
      intentAt: now,
      reason: null,
    };
    const entry = this.notes.entry(intent, provider, 'intent');
    const event = this.notes.event('attempted', rule, intent, { attempt: intent.attempts, provider, ...facts });
    const written = await this.write({ deliveries: [intent], ledger: [...carried, entry], events: [event], release: false });
    return written === 'stale' ? 'stale' : intent;
  }

  /** An intent without an outcome: a worker was lost in between. What may be done follows from the provider's class. */
  private async recover(delivery: Delivery, channel: Channel): Promise<Made> {
    let outcome: Outcome = { kind: 'unknown', failure: LOST };
    if (channel.effectClass === 'queryable' && channel.query !== undefined) {
      const answer = await channel.query(delivery.operationId, this.lease.signal);
      if (answer === 'done') outcome = { kind: 'done' };
      if (answer === 'not-done') outcome = { kind: 'retry', failure: LOST };
    }
    const entry = this.notes.entry(delivery, channel.provider(delivery.recipient), 'outcome');
    return { verdict: this.judge(delivery, channel, outcome), entry: withOutcome(entry, outcome) };
  }

  private judge(delivery: Delivery, channel: Channel, outcome: Outcome): Verdict {
    const on = {
      workload: this.workload.name,
      delivery,
      effectClass: channel.effectClass,
      policy: this.workload.onUnknown(delivery),
      cancelRequested: this.lease.record.cancelRequestedAt !== null,
      now: this.lease.now(),
      settings: { ...this.deps.settings, maxRetries: this.workload.maxRetries ?? this.deps.settings.maxRetries },
      chance: this.deps.chance,
    };
    return judge(on, outcome);
  }

  private settle(verdict: Verdict, entry: LedgerEntry): Promise<Delivered> {
    const delivery = this.withinLife(verdict.delivery);
    const retryAt = delivery.status === 'deferred' && delivery.dueAt !== null ? { retryAt: delivery.dueAt } : {};
    const written: LedgerEntry = { ...entry, result: verdict.result, ...retryAt };
    this.deps.watch({ kind: 'attempted', record: this.lease.record, delivery, entry: written });
    const detail = { attempt: entry.attempt, result: verdict.result, code: entry.failure?.code ?? null, retryAt: retryAt.retryAt ?? null };
    return this.finish(delivery, [written], this.notes.event(verdict.event, verdict.rule, delivery, detail));
  }

  private rest(delivery: Delivery, name: string, carried: readonly LedgerEntry[] = [], facts: Detail = {}): Promise<Delivered> {
    return this.finish(
      delivery,
      carried,
      this.notes.event(name, delivery.reason ?? name, delivery, { code: delivery.failure?.code ?? null, ...facts }),
    );
  }

  /** No attempt is spent on waiting. */
  private putOff(delivery: Delivery, rule: string, until: number, carried: readonly LedgerEntry[], facts: Detail = {}): Promise<Delivered> {
    const deferred = this.withinLife({ ...delivery, status: 'deferred', reason: rule, dueAt: until, intentAt: null });
    return this.finish(deferred, carried, this.notes.event('deferred', rule, delivery, { until: deferred.dueAt, ...facts }));
  }

  /** What would be due only after its end is looked at when it ends, to be said expired then and not later. */
  private withinLife(delivery: Delivery): Delivery {
    const end = this.workload.expiresAt(this.lease.record);
    return end === null || delivery.dueAt === null || delivery.dueAt <= end ? delivery : { ...delivery, dueAt: end };
  }

  private async finish(delivery: Delivery, ledger: readonly LedgerEntry[], event: RecordEvent): Promise<Delivered> {
    this.left -= 1;
    const written = await this.write({ deliveries: [delivery], ledger, events: [event], release: this.left === 0 });
    if (written === 'applied') this.deps.watch(this.notes.settled(delivery));
    return written;
  }

  /** An intent without outcome stays unknown, even now: it is held, not dead. */
  private async giveUp(open: readonly Delivery[], now: number): Promise<Delivered> {
    const given = open.map((delivery) =>
      delivery.intentAt === null
        ? asDead(this.workload.name, delivery, EXHAUSTED, 'claims.exhausted', now)
        : atRest({ ...delivery, failure: EXHAUSTED }, 'held', 'claims.exhausted', now),
    );
    const events = given.map((delivery) =>
      this.notes.event(delivery.status, 'claims.exhausted', delivery, { claims: this.lease.record.claims }),
    );
    const written = await this.write({ deliveries: given, ledger: [], events, release: true });
    if (written === 'applied') for (const delivery of given) this.deps.watch(this.notes.settled(delivery));
    return written;
  }

  private write(change: LeasedChange): Promise<Delivered> {
    const events = [...this.pending, ...change.events];
    this.pending = [];
    return this.lease.commit({ ...change, events });
  }

  private breakerEnd(retryInMs: number): number {
    // Spread, so that what waited for one breaker does not come back as one.
    return this.lease.now() + Math.ceil(retryInMs) + Math.floor(this.deps.chance.next() * this.deps.settings.breakerOpenMs);
  }

  private channelOf(delivery: Delivery): Channel | null {
    try {
      return this.workload.channel(delivery);
    } catch {
      return null;
    }
  }
}
