import type { Chance, Ids } from '../ports/chance.js';
import type { Clock, Timers } from '../ports/clock.js';
import type { Consumption, TakenWakeUp, WakeUpQueue } from '../ports/queue.js';
import type { RecordReader } from '../ports/reader.js';
import type { RecordKey } from '../ports/record.js';
import type { ClaimResult, RecordStore, Refusal } from '../ports/store.js';
import type { Watch } from '../ports/watch.js';
import type { Breakers } from './breaker.js';
import { deliver } from './deliver.js';
import { dueOf } from './envelope.js';
import { createLeaseKeeper, type Lease } from './lease.js';
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
}

/**
 * The worker: wake-ups come in, records are claimed, worked on and let go, wake-ups are settled.
 * This is the only place that settles a wake-up, and it does so after the record's own state is written (rule 4).
 */
export function createConsumer(deps: ConsumerDeps): Consumer {
  const { store, queue, clock, settings, watch, worker } = deps;
  const leases = createLeaseKeeper(deps);
  let consumption: Consumption | undefined;
  let waiting: TakenWakeUp[] = [];
  let suspects: TakenWakeUp[] = [];
  let busy = 0;
  let alone = false;
  let claiming = false;
  let stopping = false;
  let idle: (() => void) | undefined;

  const settleWith = (wakeUp: TakenWakeUp, how: 'ack' | 'release', delayMs = 0): void => {
    watch({ kind: 'wake-up-settled', how });
    const settled = how === 'ack' ? wakeUp.ack() : wakeUp.release(delayMs);
    // Not settled is handed out again by the queue; the claim then finds the record as it is.
    settled.catch((error: unknown) => watch({ kind: 'trouble', where: `wake-up.${how}`, error }));
  };
  const soon = (): number => HAND_BACK_MS + Math.floor(deps.chance.next() * HAND_BACK_MS);

  /** One claim for all that wait in this turn; what is suspect runs only when nothing else does. */
  const pump = async (): Promise<void> => {
    if (claiming || alone) return;
    claiming = true;
    // Let wake-ups that arrive in this same turn join the claim.
    await Promise.resolve();
    while (!alone && !stopping) {
      const suspect = busy === 0 ? suspects.shift() : undefined;
      if (suspect !== undefined) {
        alone = true;
        busy += 1;
        // Refused, it leaves nothing to wait for: go on here, since nobody else will.
        await claimAndRun([suspect], true);
      } else if (waiting.length > 0 && suspects.length === 0) {
        const batch = waiting;
        waiting = [];
        busy += batch.length;
        await claimAndRun(batch, false);
      } else break;
    }
    if (stopping) handBackWaiting();
    claiming = false;
    if (busy === 0) idle?.();
  };

  const handBackWaiting = (): void => {
    for (const wakeUp of [...waiting, ...suspects]) settleWith(wakeUp, 'release');
    waiting = [];
    suspects = [];
  };

  const done = (): void => {
    busy -= 1;
    if (busy === 0) alone = false;
    if (busy === 0 || waiting.length > 0) void pump();
  };

  const claimAndRun = async (batch: readonly TakenWakeUp[], asSuspect: boolean): Promise<void> => {
    const sentAt = clock.monotonic();
    const claim = await tryClaim(batch, asSuspect);
    if (claim === null) {
      for (const wakeUp of batch) {
        settleWith(wakeUp, 'release', soon());
        done();
      }
      return;
    }
    watch({ kind: 'claimed', count: claim.claimed.length, refused: claim.refused.length });
    const byKey = groupByKey(batch);
    for (const record of claim.claimed) {
      const [wakeUp, ...doubles] = byKey.get(keyOf(record)) ?? [];
      byKey.delete(keyOf(record));
      for (const double of doubles) settleRefused(double, null, claim.now);
      if (wakeUp !== undefined) void runOne(wakeUp, leases.hold(record, worker, sentAt, claim.now));
    }
    for (const refusal of claim.refused) {
      for (const wakeUp of byKey.get(keyOf(refusal)) ?? []) settleRefused(wakeUp, refusal, claim.now);
      byKey.delete(keyOf(refusal));
    }
    // A store that says nothing about a key has broken its contract; the wake-up is not lost over it.
    for (const forgotten of byKey.values()) for (const wakeUp of forgotten) settleRefused(wakeUp, null, claim.now);
  };

  const tryClaim = async (batch: readonly TakenWakeUp[], asSuspect: boolean): Promise<ClaimResult | null> => {
    const request = { keys: uniqueKeys(batch), claimId: deps.ids.next(), worker, leaseMs: settings.leaseMs, alone: asSuspect };
    for (let tries = 1; ; tries += 1) {
      try {
        return await store.claim(request);
      } catch (error) {
        watch({ kind: 'trouble', where: 'store.claim', error });
        if (tries >= CLAIM_TRIES || stopping) return null;
      }
    }
  };

  /** Not claimed: settled by what the record is, so that no wake-up circles for ever and none is lost. */
  const settleRefused = (wakeUp: TakenWakeUp, refusal: Refusal | null, now: number): void => {
    switch (refusal?.why) {
      case 'suspect':
        suspects.push(wakeUp);
        break;
      case 'missing':
      case 'at-rest':
        settleWith(wakeUp, 'ack');
        break;
      case 'not-due':
        // The due time is the store's to keep; the sweeper comes back for it.
        if (refusal.until !== null) deps.expect(refusal.until - now);
        settleWith(wakeUp, 'ack');
        break;
      case 'leased':
        settleWith(wakeUp, 'release', Math.max(0, (refusal.until ?? now) - now) + soon());
        break;
      case undefined:
        settleWith(wakeUp, 'release', soon());
    }
    done();
  };

  const runOne = async (wakeUp: TakenWakeUp, lease: Lease): Promise<void> => {
    try {
      await work(wakeUp, lease);
    } catch (error) {
      watch({ kind: 'trouble', where: 'consume', error });
      settleWith(wakeUp, 'release', soon());
    } finally {
      leases.drop(lease);
      done();
    }
  };

  const work = async (wakeUp: TakenWakeUp, lease: Lease): Promise<void> => {
    const workload = deps.workloads.get(lease.record.workload);
    if (workload === undefined || stopping) {
      await handBack(lease, workload === undefined ? 'workload.unknown' : 'drain');
      settleWith(wakeUp, 'release', workload === undefined ? soon() : 0);
      return;
    }
    const result = await deliver(deps, workload, lease);
    if (result === 'applied') {
      const dueAt = dueOf(lease.record.deliveries);
      // A wish to cancel that came while we held it must not wait for the next attempt to be seen.
      if (dueAt !== null && lease.record.cancelRequestedAt !== null) await deps.cancel(lease.ref, worker);
      else if (dueAt !== null) deps.expect(dueAt - lease.now());
      settleWith(wakeUp, 'ack');
      return;
    }
    // Refused as stale: another holds it, or it is over. Only its own state says whether the wake-up is used up.
    const now = await deps.reader.get(lease.ref);
    if (now === null || now.dueAt === null) settleWith(wakeUp, 'ack');
    else settleWith(wakeUp, 'release', soon());
  };

  const handBack = async (lease: Lease, rule: string): Promise<void> => {
    const event = { at: lease.now(), name: 'handed-back', rule, actor: worker, clock: 'store' as const };
    await lease.commit({ deliveries: [], ledger: [], events: [event], release: true });
  };

  return {
    start() {
      if (consumption !== undefined || stopping) return;
      consumption = queue.consume(settings.batchSize, (wakeUps) => {
        waiting.push(...wakeUps);
        void pump();
      });
    },
    async stop() {
      stopping = true;
      await consumption?.stop();
      handBackWaiting();
      if (busy > 0 || claiming) await new Promise<void>((resolve) => (idle = resolve));
      leases.stop();
    },
    abandon: () => leases.abandonAll(),
  };
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
