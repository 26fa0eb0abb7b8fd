import { SignalboxError } from '../errors.js';
import type { Chance } from '../ports/chance.js';
import type { Clock, Timers } from '../ports/clock.js';
import type { Failure } from '../ports/record.js';
import type { Batch, Hold, StreamDesk, StreamEntry, StreamLog } from '../ports/stream.js';
import type { Watch } from '../ports/watch.js';
import type { Company } from './company.js';
import { backoffMs } from './retry.js';
import type { EntryOutcome, StreamHandler } from './stream-handler.js';
import type { StreamSettings } from './stream-settings.js';
import { laneOf, settlementOf } from './stream-settlement.js';

/**
 * Handed out so often without being settled, an entry is handled alone, so that only what kills its worker is lost with it. And it is
 * read alone: every reading counts, also for those that are only beside it.
 */
const SUSPECT_FROM = 3;
/** After trouble with the stream itself or with what the handler needs: the bounds of the wait. */
const TROUBLE = { backoffMs: 100, backoffMaxMs: 5_000 } as const;

export interface LaneDeps {
  readonly log: StreamLog;
  readonly desk: StreamDesk;
  readonly handle: StreamHandler;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly watch: Watch;
  readonly settings: StreamSettings;
  /** Of this process's lanes. */
  readonly company: Company;
  /** Nobody is to read just now. */
  paused(): boolean;
  /** The log said that the partition is somebody else's. */
  stale(hold: Hold): void;
  /** There was nothing more to read. */
  idle(): void;
}

/** One partition in our hands, read and handled batch by batch. */
export interface Lane {
  /** Something may have changed: looks at once. */
  wake(): void;
  /** Reads nothing more; resolves when what is under way is settled. */
  stop(): Promise<void>;
  /** The partition is lost: signals fire, nothing more is settled. */
  abort(): void;
  /** Entries in its hands. */
  holds(): number;
}

export function openLane(deps: LaneDeps, hold: Hold): Lane {
  return new OpenLane(deps, hold);
}

class OpenLane implements Lane {
  readonly #deps: LaneDeps;
  readonly #hold: Hold;
  readonly #lost = new AbortController();
  readonly #ended: Promise<void>;
  #waiting: AbortController | undefined;
  #woken = false;
  #stopping = false;
  #holds = 0;
  /** Nobody knows yet what became of the last ones who read here: one entry only. */
  #wary = true;
  /** Something of the last batch comes again, at a time that only the next read tells. */
  #unsettled = false;

  constructor(deps: LaneDeps, hold: Hold) {
    this.#deps = deps;
    this.#hold = hold;
    this.#ended = this.#run();
  }

  wake(): void {
    this.#woken = true;
    this.#waiting?.abort();
  }

  stop(): Promise<void> {
    this.#stopping = true;
    this.wake();
    return this.#ended;
  }

  abort(): void {
    this.#stopping = true;
    this.#lost.abort();
    this.wake();
  }

  holds(): number {
    return this.#holds;
  }

  get #over(): boolean {
    return this.#stopping || this.#lost.signal.aborted;
  }

  async #run(): Promise<void> {
    let troubles = 0;
    while (!this.#over) {
      try {
        await this.#turn();
        troubles = 0;
      } catch (error) {
        troubles += 1;
        this.#wary = true;
        this.#deps.watch({ kind: 'trouble', where: 'stream', error });
        await this.#pause(troubles);
      }
    }
  }

  async #turn(): Promise<void> {
    const { settings, paused } = this.#deps;
    this.#woken = false;
    this.#unsettled = false;
    if (paused()) {
      await this.#sleep(settings.pollMs);
      return;
    }
    const wary = this.#wary;
    const batch = await this.#deps.company.run(wary, () => this.#readAndWork(wary ? 1 : settings.batchSize));
    if (batch === null) return;
    if (batch.suspects.length > 0) await this.#workAlone(batch);
    // What came since wakes us at once: nobody needs to read first.
    if (!batch.more && !this.#wary && !this.#unsettled) {
      this.#deps.idle();
      await this.#untilNews(Math.min(settings.pollMs, batch.nextInMs ?? settings.pollMs));
    }
  }

  /** Gives what is left of the batch, to be handled alone: keys in which one may be what kills its worker. Null: there was none. */
  async #readAndWork(limit: number): Promise<(Batch & { readonly suspects: readonly StreamEntry[] }) | null> {
    if (this.#over) return null;
    const batch = await this.#deps.log.read(this.#hold, limit);
    if (batch === 'stale') {
      this.#loseIt('read');
      return null;
    }
    const { number, entries } = batch;
    const suspected = new Set(entries.filter(isSuspect).map(laneOf));
    this.#wary = suspected.size > 0;
    const calm = entries.filter((entry) => !suspected.has(laneOf(entry)));
    if (calm.length > 0) await this.#work(number, calm);
    return { ...batch, suspects: entries.filter((entry) => suspected.has(laneOf(entry))) };
  }

  /** One after the other, and nothing else of this process is in anybody's hands meanwhile. */
  async #workAlone({ number, suspects }: { readonly number: number; readonly suspects: readonly StreamEntry[] }): Promise<void> {
    const stuck = new Set<string>();
    for (const entry of suspects) {
      const lane = laneOf(entry);
      // What stands behind a failed one was not settled with it: it comes again, in its place in the line.
      if (stuck.has(lane)) continue;
      const done = await this.#deps.company.run(true, async () => !this.#over && (await this.#work(number, [entry])));
      if (!done) stuck.add(lane);
    }
  }

  async #work(batch: number, entries: readonly StreamEntry[]): Promise<boolean> {
    this.#holds = entries.length;
    try {
      const done = await this.#handleAndSettle(batch, entries);
      this.#unsettled ||= !done;
      return done;
    } finally {
      this.#holds = 0;
    }
  }

  /** Whether everything is done or dead, and settled. */
  async #handleAndSettle(batch: number, entries: readonly StreamEntry[]): Promise<boolean> {
    const outcomes = await this.#outcomesOf(entries);
    if (outcomes === null || this.#lost.signal.aborted) return false;
    const { settings, chance, desk, log, watch } = this.#deps;
    const { settlement, dead, retried } = settlementOf(entries, outcomes, settings, chance);
    if (dead.length > 0) {
      if ((await this.#insist(() => desk.bury(dead))) === null) return false;
      watch({ kind: 'stream-buried', count: dead.length, entries: dead.map(({ entry }) => entry) });
    }
    const settled = await this.#insist(() => log.settle(this.#hold, { batch, ...settlement }));
    if (settled === 'stale') this.#loseIt('settle');
    if (settled !== 'applied') return false;
    const { partition } = this.#hold;
    const reclaimed = entries.filter(({ deliveries }) => deliveries > 1).length;
    watch({ kind: 'stream-settled', partition, done: settlement.done.length - dead.length, retried, reclaimed });
    return settlement.parked.length === 0;
  }

  /** Null: it was cut short, and nothing is known. */
  async #outcomesOf(entries: readonly StreamEntry[]): Promise<readonly EntryOutcome[] | null> {
    const { handle, watch, settings } = this.#deps;
    const { signal } = this.#lost;
    const worn = entries.filter(({ deliveries }) => deliveries > settings.maxDeliveries);
    // A suspect is alone, so this is about all or nothing of the batch.
    if (worn.length === entries.length) return entries.map(() => ({ kind: 'dead', failure: WORN_OUT }));
    for (let failures = 1; ; failures += 1) {
      try {
        return await handle(entries, signal);
      } catch (error) {
        if (signal.aborted) return null;
        watch({ kind: 'trouble', where: 'stream.handle', error });
        if (!(error instanceof SignalboxError) || !error.retryable) return this.#apart(entries);
        if (this.#over) return null;
        await this.#pause(failures);
        if (this.#over) return null;
      }
    }
  }

  /** The handler failed over one of them: over which, each shows alone. Behind a failed one of a key nothing is tried. */
  async #apart(entries: readonly StreamEntry[]): Promise<readonly EntryOutcome[] | null> {
    const outcomes: EntryOutcome[] = [];
    const failed: EntryOutcome = { kind: 'retry', failure: HANDLER_FAILED };
    if (entries.length === 1) return [failed];
    const stuck = new Set<string>();
    for (const entry of entries) {
      const lane = laneOf(entry);
      const alone = stuck.has(lane) ? [failed] : await this.#outcomesOf([entry]);
      if (alone === null) return null;
      const [outcome = failed] = alone;
      if (outcome.kind !== 'done') stuck.add(lane);
      outcomes.push(outcome);
    }
    return outcomes;
  }

  /** Again and again until it is answered; null: the partition was lost meanwhile. */
  async #insist<T>(call: () => Promise<T>): Promise<T | null> {
    for (let failures = 1; !this.#lost.signal.aborted; failures += 1) {
      try {
        return await call();
      } catch (error) {
        this.#deps.watch({ kind: 'trouble', where: 'stream.settle', error });
        // What cannot be settled while we are asked to stop is settled by whoever comes after us.
        if (this.#stopping) return null;
        await this.#pause(failures);
      }
    }
    return null;
  }

  #loseIt(during: 'read' | 'settle'): void {
    this.#deps.watch({ kind: 'stream-fenced', partition: this.#hold.partition, during });
    this.#lost.abort();
    this.#deps.stale(this.#hold);
  }

  async #untilNews(maxMs: number): Promise<void> {
    if (this.#woken || this.#over) return;
    const waiting = new AbortController();
    this.#waiting = waiting;
    await this.#deps.log.arrival(this.#hold, maxMs, waiting.signal);
    this.#waiting = undefined;
  }

  #pause(failures: number): Promise<void> {
    return this.#sleep(backoffMs(failures, TROUBLE, this.#deps.chance) + TROUBLE.backoffMs);
  }

  /** So long, or until somebody wakes us. */
  #sleep(ms: number): Promise<void> {
    if (this.#over) return Promise.resolve();
    const waiting = new AbortController();
    this.#waiting = waiting;
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#waiting = undefined;
        resolve();
      };
      const timer = this.#deps.timers.after(ms, end);
      waiting.signal.addEventListener('abort', end, { once: true });
    });
  }
}

function isSuspect({ deliveries }: StreamEntry): boolean {
  return deliveries >= SUSPECT_FROM;
}

const WORN_OUT: Failure = { code: 'claims_exhausted', message: 'It was handed out again and again, and nobody lived to settle it.' };
const HANDLER_FAILED: Failure = { code: 'handler_failed', message: 'Handling it failed in a way that nobody expected.' };
