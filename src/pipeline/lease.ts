import { SignalboxError } from '../errors.js';
import type { Clock, Timer, Timers } from '../ports/clock.js';
import type { WorkRecord } from '../ports/record.js';
import type { Change, LeaseRef, RecordStore } from '../ports/store.js';
import type { Watch } from '../ports/watch.js';
import { dueOf, statusOf } from './envelope.js';
import type { PipelineSettings } from './settings.js';

/** Share of the lease after which its holder stops on its own clock, counted from when the last good renewal was sent. */
const SAFE_SHARE = 0.8;

/** What a holder wants written; sequence number, status and due time are the lease's to work out. */
export type LeasedChange = Omit<Change, 'seq' | 'status' | 'dueAt'>;

/** A record in a worker's hands. */
export interface Lease {
  readonly ref: LeaseRef;
  /** As last written. */
  readonly record: WorkRecord;
  /** Fires when the lease is lost, or may be. */
  readonly signal: AbortSignal;
  /** The store's clock, as the claim's answer and our monotonic clock tell it: never ahead of it. */
  now(): number;
  /** False once the lease may have run out: do nothing irreversible then. */
  safe(): boolean;
  /**
   * Writes; one after the other, repeated under the same sequence number while the store does not answer.
   * `stale`: someone else holds the record, or may; nothing was written, and nothing more will be.
   * Rejects when the store did not answer in a lease's time.
   */
  commit(change: LeasedChange): Promise<'applied' | 'stale'>;
}

interface HeldLease extends Lease {
  record: WorkRecord;
  /** On the monotonic clock. */
  readonly claimedAt: number;
  renewedAt: number;
  /** Its last write is on its way: a renewal could only be refused behind it. */
  leaving: boolean;
  lose(why: 'refused' | 'deadline'): void;
}

/** All leases of this process, renewed together by one timer. */
export interface LeaseKeeper {
  /** @param sentAt the monotonic clock when the claim was sent; @param storeNow the store's clock in its answer */
  hold(record: WorkRecord, worker: string, sentAt: number, storeNow: number): Lease;
  /** Forget it: given back, or lost. */
  drop(lease: Lease): void;
  /** Fires every signal: the process must end. */
  abandonAll(): void;
  stop(): void;
}

interface Deps {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly watch: Watch;
  readonly settings: PipelineSettings;
}

export function createLeaseKeeper(deps: Deps): LeaseKeeper {
  const { clock, timers, settings } = deps;
  const held = new Map<LeaseRef, HeldLease>();
  let timer: Timer | undefined;
  /** When the timer fires, on the monotonic clock. */
  let lookAt = 0;

  const arm = (): void => {
    if (timer !== undefined || held.size === 0) return;
    const inMs = nextLookMs(settings, held.values(), clock.monotonic());
    lookAt = clock.monotonic() + inMs;
    timer = timers.after(inMs, () => {
      timer = undefined;
      renewAll(deps, held).catch((error: unknown) => deps.watch({ kind: 'trouble', where: 'lease.renew', error }));
      // Armed again at once, not after the answer: a renewal that hangs must not keep the deadline from being looked at.
      arm();
    });
  };

  return {
    hold(record, worker, sentAt, storeNow) {
      const lease = createLease(deps, record, worker, sentAt, storeNow);
      held.set(lease.ref, lease);
      // A claim whose answer took long has used up most of its lease: its end may come before the look that is due next.
      if (lookAt > lease.renewedAt + settings.leaseMs * SAFE_SHARE) {
        timer?.cancel();
        timer = undefined;
      }
      arm();
      return lease;
    },
    drop(lease) {
      held.delete(lease.ref);
      if (held.size > 0) return;
      timer?.cancel();
      timer = undefined;
    },
    abandonAll() {
      for (const lease of held.values()) lease.lose('deadline');
    },
    stop() {
      timer?.cancel();
      timer = undefined;
      held.clear();
    },
  };
}

/** Extends what may be extended; loses what is over, and what the store no longer knows as ours. */
async function renewAll({ store, clock, settings }: Deps, held: ReadonlyMap<LeaseRef, HeldLease>): Promise<void> {
  const now = clock.monotonic();
  const renewable: HeldLease[] = [];
  for (const lease of held.values()) {
    if (now - lease.renewedAt > settings.leaseMs * SAFE_SHARE) lease.lose('deadline');
    // Past the cap it is renewed no more, and ends by itself when its safe share is used up.
    else if (!lease.leaving && now - lease.claimedAt + settings.leaseMs <= settings.leaseCapMs) renewable.push(lease);
  }
  if (renewable.length === 0) return;
  const extended = await store.renew(
    renewable.map((lease) => lease.ref),
    settings.leaseMs,
  );
  const tokens = new Set(extended.map((ref) => `${ref.tenant}/${ref.id}/${ref.token}`));
  for (const lease of renewable) {
    if (tokens.has(`${lease.ref.tenant}/${lease.ref.id}/${lease.ref.token}`)) lease.renewedAt = now;
    else if (held.has(lease.ref) && !lease.leaving) lease.lose('refused');
  }
}

/** Until the next heartbeat, or until the first lease has used up its safe share: its signal must not wait for a heartbeat. */
function nextLookMs(settings: PipelineSettings, held: Iterable<HeldLease>, now: number): number {
  let inMs = settings.heartbeatMs;
  for (const lease of held) {
    if (!lease.signal.aborted) inMs = Math.min(inMs, lease.renewedAt + settings.leaseMs * SAFE_SHARE + 1 - now);
  }
  return Math.max(0, inMs);
}

function createLease(deps: Deps, claimed: WorkRecord, worker: string, sentAt: number, storeNow: number): HeldLease {
  const { clock, settings } = deps;
  const abort = new AbortController();
  const receivedAt = clock.monotonic();
  let seq = 0;
  let chain: Promise<unknown> = Promise.resolve();

  const lease: HeldLease = {
    ref: { tenant: claimed.tenant, id: claimed.id, worker, token: claimed.lockToken },
    record: claimed,
    signal: abort.signal,
    claimedAt: sentAt,
    renewedAt: sentAt,
    leaving: false,
    now: () => storeNow + Math.floor(clock.monotonic() - receivedAt),
    safe: () => !abort.signal.aborted && clock.monotonic() - lease.renewedAt <= settings.leaseMs * SAFE_SHARE,
    lose(why) {
      if (abort.signal.aborted) return;
      abort.abort();
      deps.watch({ kind: 'lease-lost', record: lease.record, why });
    },
    commit(change) {
      const turn = chain.then(() => write(change));
      // The next write goes its way whatever became of this one; whoever asked for this one hears of its failure.
      chain = turn.catch(() => undefined);
      return turn;
    },
  };

  const write = async (change: LeasedChange): Promise<'applied' | 'stale'> => {
    const changed = new Map(change.deliveries.map((delivery) => [delivery.id, delivery]));
    const deliveries = lease.record.deliveries.map((delivery) => changed.get(delivery.id) ?? delivery);
    const status = statusOf(deliveries);
    const dueAt = dueOf(deliveries);
    seq += 1;
    if (change.release) lease.leaving = true;
    const result = await repeatUntilAnswered(deps, () => deps.store.commit(lease.ref, { ...change, seq, status, dueAt }));
    if (!result.applied) {
      deps.watch({ kind: 'fenced', record: lease.record, during: change.events[0]?.name ?? 'commit' });
      lease.lose('refused');
      return 'stale';
    }
    lease.record = { ...lease.record, deliveries, status, dueAt, version: result.version, cancelRequestedAt: result.cancelRequestedAt };
    return 'applied';
  };

  return lease;
}

/** A lost reply is not a failure: the same write again, for as long as the lease could last, then the caller hears of it. */
async function repeatUntilAnswered<T>(deps: Deps, write: () => Promise<T>): Promise<T> {
  const startedAt = deps.clock.monotonic();
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 1000)) {
    try {
      return await write();
    } catch (error) {
      const hopeless = error instanceof SignalboxError && !error.retryable;
      if (hopeless || deps.clock.monotonic() - startedAt > deps.settings.leaseMs) throw error;
      deps.watch({ kind: 'trouble', where: 'lease.commit', error });
      await new Promise<void>((resolve) => deps.timers.after(pauseMs, resolve));
    }
  }
}
