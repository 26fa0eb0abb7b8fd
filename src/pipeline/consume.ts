import type { Chance, Ids } from '../ports/chance.js';
import type { Clock, Timers } from '../ports/clock.js';
import type { Consumption, TakenWakeUp, WakeUpQueue } from '../ports/queue.js';
import type { RecordReader } from '../ports/reader.js';
import type { RecordKey } from '../ports/record.js';
import type { ClaimResult, RecordStore, Refusal } from '../ports/store.js';
import type { Watch } from '../ports/watch.js';
import type { Breakers } from './breaker.js';
import { type DeliverDeps, deliver } from './deliver.js';
import { dueOf } from './envelope.js';
import { createLeaseKeeper, type Lease, type LeaseKeeper } from './lease.js';
import { lostAgain, Notes, takenOver } from './notes.js';
import { createPlaces } from './places.js';
import { createRates, type Rates } from './rates.js';
import type { PipelineSettings } from './settings.js';
import type { Workload } from './workload.js';

/** After trouble, or when someone else holds the record, a wake-up comes back after about this long (at least). */
const HAND_BACK_MS = 1000;
const CLAIM_TRIES = 3;

export interface ConsumerDeps {
  readonly store: RecordStore;
  readonly reader: RecordReader;
  readonly queue: WakeUpQueue;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly ids: Ids;
  readonly breakers: Breakers;
  /** Counted over the fleet; left out: in this process alone. */
  readonly rates?: Rates;
  readonly watch: Watch;
  readonly settings: PipelineSettings;
  readonly worker: string;
  readonly workloads: ReadonlyMap<string, Workload>;
  /** Something was put off and falls due in so many milliseconds. */
  expect(inMs: number): void;
  /** Cancels a record that this worker has let go. */
  cancel(key: RecordKey, actor: string): Promise<unknown>;
}

export interface Consumer {
  start(): void;
  /** Takes nothing more, hands back what is not begun, waits for what is. */
  stop(): Promise<void>;
  /** Gives up on what is under way: signals fire, outcomes are written if they still can be. */
  abandon(): void;
  /** Records it works on at this moment, or is about to claim. */
  holds(): number;
}

/**
 * The worker: wake-ups come in, records are claimed, worked on and let go, wake-ups are settled.
 * This is the only place that settles a wake-up, and it does so after the record's own state is written.
 */
export function createConsumer(deps: ConsumerDeps): Consumer {
  return new Worker(deps);
}

/** To be run alone. With its lease where it was claimed before it was found out. */
interface Suspect {
  readonly wakeUp: TakenWakeUp;
  readonly lease: Lease | null;
}

class Worker implements Consumer {
  readonly #deps: ConsumerDeps;
  readonly #leases: LeaseKeeper;
  readonly #deliverDeps: DeliverDeps;
  #consumption: Consumption | undefined;
  #waiting: TakenWakeUp[] = [];
  /** Claimed, or lost with its worker, again and again: each runs alone. */
  #suspects: Suspect[] = [];
  #busy = 0;
  #alone = false;
  #claiming = false;
  #stopping = false;
  #idle: (() => void) | undefined;

  constructor(deps: ConsumerDeps) {
    this.#deps = deps;
    this.#leases = createLeaseKeeper(deps);
    const places = createPlaces(deps.clock, deps.timers, deps.chance);
    this.#deliverDeps = { ...deps, places, rates: deps.rates ?? createRates(deps.clock, deps.chance), draining: () => this.#stopping };
  }

  start(): void {
    if (this.#consumption !== undefined || this.#stopping) return;
    this.#consumption = this.#deps.queue.consume(this.#deps.settings.prefetch, (wakeUps) => {
      this.#waiting.push(...wakeUps);
      void this.#pump();
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#consumption?.stop();
    this.#handBackWaiting();
    if (this.#busy > 0 || this.#claiming) await new Promise<void>((resolve) => (this.#idle = resolve));
    this.#leases.stop();
  }

  abandon(): void {
    this.#leases.abandonAll();
  }

  holds(): number {
    return this.#busy;
  }

  /** One claim for all that wait in this turn; what is suspect runs only when nothing else does. */
  async #pump(): Promise<void> {
    if (this.#claiming || this.#alone) return;
    this.#claiming = true;
    // Let wake-ups that arrive in this same turn join the claim.
    await Promise.resolve();
    while (!this.#alone && !this.#stopping) {
      const suspect = this.#busy === 0 ? this.#suspects.shift() : undefined;
      if (suspect !== undefined) {
        this.#alone = true;
        this.#busy += 1;
        // Refused, it leaves nothing to wait for: go on here, since nobody else will.
        if (suspect.lease === null) await this.#claimAndRun([suspect.wakeUp], true);
        else void this.#run(suspect.wakeUp, suspect.lease);
      } else if (this.#waiting.length > 0 && this.#suspects.length === 0) {
        const batch = this.#waiting.splice(0, this.#deps.settings.batchSize);
        this.#busy += batch.length;
        await this.#claimAndRun(batch, false);
      } else break;
    }
    if (this.#stopping) this.#handBackWaiting();
    this.#claiming = false;
    if (this.#busy === 0) this.#idle?.();
  }

  #done(): void {
    this.#busy -= 1;
    if (this.#busy === 0) this.#alone = false;
    if (this.#busy === 0 || this.#waiting.length > 0) void this.#pump();
  }

  #handBackWaiting(): void {
    const suspects = this.#suspects.splice(0);
    const leaseless = suspects.filter(({ lease }) => lease === null).map(({ wakeUp }) => wakeUp);
    for (const wakeUp of [...this.#waiting.splice(0), ...leaseless]) this.#settle(wakeUp, 'release');
    for (const { wakeUp, lease } of suspects) {
      if (lease === null) continue;
      this.#busy += 1;
      void this.#run(wakeUp, lease);
    }
  }

  #settle(wakeUp: TakenWakeUp, how: 'ack' | 'release', delayMs = 0): void {
    this.#deps.watch({ kind: 'wake-up-settled', how });
    const settled = how === 'ack' ? wakeUp.ack() : wakeUp.release(delayMs);
    // Not settled is handed out again by the queue; the claim then finds the record as it is.
    settled.catch((error: unknown) => this.#deps.watch({ kind: 'trouble', where: `wake-up.${how}`, error }));
  }

  #soon(): number {
    return HAND_BACK_MS + Math.floor(this.#deps.chance.next() * HAND_BACK_MS);
  }

  async #claimAndRun(batch: readonly TakenWakeUp[], alone: boolean): Promise<void> {
    const sentAt = this.#deps.clock.monotonic();
    const claim = await this.#claim(batch, alone);
    if (claim === null) {
      for (const wakeUp of batch) {
        this.#settle(wakeUp, 'release', this.#soon());
        this.#done();
      }
      return;
    }
    this.#deps.watch({
      kind: 'claimed',
      count: claim.claimed.length,
      refused: claim.refused.length,
      leased: claim.refused.filter(({ why }) => why === 'leased').length,
      reclaimed: claim.claimed.filter(takenOver).length,
    });
    const byKey = groupByKey(batch);
    for (const record of claim.claimed) {
      const [wakeUp, ...doubles] = byKey.get(keyOf(record)) ?? [];
      byKey.delete(keyOf(record));
      for (const double of doubles) this.#settleRefused(double, null, claim.now);
      if (wakeUp === undefined) continue;
      const lease = this.#leases.hold(record, this.#deps.worker, sentAt, claim.now);
      if (alone || !lostAgain(record)) void this.#run(wakeUp, lease);
      else this.#setAside({ wakeUp, lease });
    }
    for (const refusal of claim.refused) {
      for (const wakeUp of byKey.get(keyOf(refusal)) ?? []) this.#settleRefused(wakeUp, refusal, claim.now);
      byKey.delete(keyOf(refusal));
    }
    // A store that says nothing about a key has broken its contract; the wake-up is not lost over it.
    for (const forgotten of byKey.values()) for (const wakeUp of forgotten) this.#settleRefused(wakeUp, null, claim.now);
  }

  /** What shared a worker with poison comes back with it, and would be lost with it until its attempts were used up. */
  #setAside(suspect: Suspect): void {
    this.#suspects.push(suspect);
    this.#done();
  }

  async #claim(batch: readonly TakenWakeUp[], alone: boolean): Promise<ClaimResult | null> {
    const { store, settings, worker, ids, watch } = this.#deps;
    const request = { keys: uniqueKeys(batch), claimId: ids.next(), worker, leaseMs: settings.leaseMs, alone };
    for (let tries = 1; ; tries += 1) {
      try {
        return await store.claim(request);
      } catch (error) {
        watch({ kind: 'trouble', where: 'store.claim', error });
        if (tries >= CLAIM_TRIES || this.#stopping) return null;
      }
    }
  }

  /** Not claimed: settled by what the record is, so that no wake-up circles for ever and none is lost. */
  #settleRefused(wakeUp: TakenWakeUp, refusal: Refusal | null, now: number): void {
    switch (refusal?.why) {
      case 'suspect':
        this.#suspects.push({ wakeUp, lease: null });
        break;
      case 'missing':
      case 'at-rest':
        this.#settle(wakeUp, 'ack');
        break;
      case 'not-due':
        // The due time is the store's to keep; the sweeper comes back for it.
        if (refusal.until !== null) this.#deps.expect(refusal.until - now);
        this.#settle(wakeUp, 'ack');
        break;
      case 'leased':
        this.#settle(wakeUp, 'release', Math.max(0, (refusal.until ?? now) - now) + this.#soon());
        break;
      case undefined:
        this.#settle(wakeUp, 'release', this.#soon());
    }
    this.#done();
  }

  async #run(wakeUp: TakenWakeUp, lease: Lease): Promise<void> {
    try {
      await this.#work(wakeUp, lease);
    } catch (error) {
      this.#deps.watch({ kind: 'trouble', where: 'consume', error });
      this.#settle(wakeUp, 'release', this.#soon());
    } finally {
      this.#leases.drop(lease);
      this.#done();
    }
  }

  async #work(wakeUp: TakenWakeUp, lease: Lease): Promise<void> {
    const workload = this.#deps.workloads.get(lease.record.workload);
    if (workload === undefined || this.#stopping) {
      await this.#handBack(lease, workload === undefined ? 'workload.unknown' : 'drain');
      this.#settle(wakeUp, 'release', workload === undefined ? this.#soon() : 0);
      return;
    }
    const result = await deliver(this.#deliverDeps, workload, lease);
    if (result === 'applied') {
      const dueAt = dueOf(lease.record.deliveries);
      // A wish to cancel that came while we held it must not wait for the next attempt to be seen.
      if (dueAt !== null && lease.record.cancelRequestedAt !== null) await this.#deps.cancel(lease.ref, this.#deps.worker);
      else if (dueAt !== null) this.#deps.expect(dueAt - lease.now());
      this.#settle(wakeUp, 'ack');
      return;
    }
    // Refused as stale: another holds it, or it is over. Only its own state says whether the wake-up is used up.
    const now = await this.#deps.reader.get(lease.ref);
    if (now === null || now.dueAt === null) this.#settle(wakeUp, 'ack');
    else this.#settle(wakeUp, 'release', this.#soon());
  }

  async #handBack(lease: Lease, rule: string): Promise<void> {
    const event = new Notes(lease).event('handed-back', rule, null, {});
    await lease.commit({ deliveries: [], ledger: [], events: [event], release: true });
  }
}

function keyOf(key: RecordKey): string {
  return `${key.tenant}\n${key.id}`;
}

function groupByKey(wakeUps: readonly TakenWakeUp[]): Map<string, TakenWakeUp[]> {
  const groups = new Map<string, TakenWakeUp[]>();
  for (const wakeUp of wakeUps) {
    const group = groups.get(keyOf(wakeUp));
    if (group === undefined) groups.set(keyOf(wakeUp), [wakeUp]);
    else group.push(wakeUp);
  }
  return groups;
}

function uniqueKeys(wakeUps: readonly TakenWakeUp[]): readonly RecordKey[] {
  return [...new Map(wakeUps.map((wakeUp) => [keyOf(wakeUp), { tenant: wakeUp.tenant, id: wakeUp.id }])).values()];
}
