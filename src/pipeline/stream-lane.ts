import type { Chance } from '../ports/chance.js';
import type { Clock, Timers } from '../ports/clock.js';
import type { Batch, Hold, StreamDesk, StreamEntry, StreamLog } from '../ports/stream.js';
import type { Watch } from '../ports/watch.js';
import type { Company } from './company.js';
import type { Pace } from './pace.js';
import { backoffMs } from './retry.js';
import type { StreamHandler } from './stream-handler.js';
import { type Attempt, outcomesOf } from './stream-outcomes.js';
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
  /** Likewise. */
  readonly pace: Pace;
  /** Nobody is to read just now. */
  paused(): boolean;
  /** The log said that the partition is somebody else's. */
  stale(hold: Hold): void;
  /** There was nothing more to read. */
  idle(): void;
}

/** A batch and those of it that are still to be handled, each alone. */
interface Suspicious extends Batch {
  readonly suspects: readonly StreamEntry[];
}

interface Worked {
  /** Everything is done or dead, and settled; or what is not comes with `next` or later, when that says. */
  readonly done: boolean;
  /** Null: it was not asked for. */
  readonly next: Batch | null;
}

const CUT_SHORT: Worked = { done: false, next: null };

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
  readonly #attempt: Attempt;
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
    this.#attempt = {
      handle: deps.handle,
      watch: deps.watch,
      maxDeliveries: deps.settings.maxDeliveries,
      signal: this.#lost.signal,
      over: () => this.#over,
      spare: (entries) => {
        const names = entries.map(({ entry }) => entry);
        return deps.log.spare(hold, names);
      },
      pause: (failures) => this.#pause(failures),
    };
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
    const { clock, pace } = this.#deps;
    const setOutAt = clock.monotonic();
    const batch = await this.#deps.company.run(wary, () => this.#readAndWork(wary ? 1 : settings.batchSize));
    if (batch === null) return;
    if (batch.suspects.length > 0) await this.#workAlone(batch);
    // What came since wakes us at once: nobody needs to read first.
    if (!batch.more && !this.#wary && !this.#unsettled) {
      this.#deps.idle();
      pace.took(clock.monotonic() - setOutAt);
      await this.#untilNews(Math.min(settings.pollMs, batch.nextInMs ?? settings.pollMs));
      await pace.setOut();
    }
  }

  /**
   * Works off a batch and, while there is more, what comes with its settlement. Gives the last one, with what is left of it to be
   * handled alone: keys in which one may be what kills its worker. Null: there was none.
   */
  async #readAndWork(limit: number): Promise<Suspicious | null> {
    if (this.#over) return null;
    let next = this.#handed(await this.#deps.log.read(this.#hold, limit));
    for (;;) {
      const batch = next;
      if (batch === null || this.#lost.signal.aborted) return null;
      const suspected = new Set(batch.entries.filter(isSuspect).map(laneOf));
      this.#wary = suspected.size > 0;
      const calm = batch.entries.filter((entry) => !suspected.has(laneOf(entry)));
      const suspects = batch.entries.filter((entry) => suspected.has(laneOf(entry)));
      next = calm.length > 0 ? (await this.#work(batch.number, calm, batch.more && suspects.length === 0)).next : null;
      if (next === null) return { ...batch, suspects };
    }
  }

  #handed(batch: Batch | 'stale'): Batch | null {
    if (batch !== 'stale') return batch;
    this.#loseIt('read');
    return null;
  }

  /** One after the other, and nothing else of this process is in anybody's hands meanwhile. */
  async #workAlone({ number, suspects }: Suspicious): Promise<void> {
    const stuck = new Set<string>();
    for (const entry of suspects) {
      const lane = laneOf(entry);
      // What stands behind a failed one was not settled with it: it comes again, in its place in the line.
      if (stuck.has(lane)) continue;
      const done = await this.#deps.company.run(true, async () => !this.#over && (await this.#work(number, [entry], false)).done);
      if (!done) stuck.add(lane);
    }
  }

  async #work(batch: number, entries: readonly StreamEntry[], on: boolean): Promise<Worked> {
    this.#holds = entries.length;
    try {
      const worked = await this.#handleAndSettle(batch, entries, on);
      this.#unsettled = !worked.done || (this.#unsettled && worked.next === null);
      return worked;
    } finally {
      this.#holds = 0;
    }
  }

  /** @param on with the settlement the next batch may be asked for */
  async #handleAndSettle(batch: number, entries: readonly StreamEntry[], on: boolean): Promise<Worked> {
    const outcomes = await outcomesOf(entries, this.#attempt);
    if (outcomes === null || this.#lost.signal.aborted) return CUT_SHORT;
    const { settings, chance, desk, log, watch } = this.#deps;
    const { settlement, dead, retried } = settlementOf(entries, outcomes, settings, chance);
    if (dead.length > 0) {
      if ((await this.#insist(() => desk.bury(dead))) === null) return CUT_SHORT;
      watch({ kind: 'stream-buried', count: dead.length, entries: dead.map(({ entry }) => entry) });
    }
    const settled = { batch, ...settlement };
    const readsOn = on && this.#mayReadOn();
    const answer = await this.#insist<Batch | 'applied' | 'stale'>(() =>
      readsOn ? log.read(this.#hold, settings.batchSize, settled) : log.settle(this.#hold, settled),
    );
    if (answer === 'stale') this.#loseIt('settle');
    if (answer === 'stale' || answer === null) return CUT_SHORT;
    const { partition } = this.#hold;
    const reclaimed = entries.filter(({ deliveries }) => deliveries > 1).length;
    watch({ kind: 'stream-settled', partition, done: settlement.done.length - dead.length, retried, reclaimed });
    return answer === 'applied' ? { done: settlement.parked.length === 0, next: null } : { done: true, next: answer };
  }

  /** Not past whoever wants to be alone in this process. */
  #mayReadOn(): boolean {
    return !this.#over && !this.#deps.paused() && !this.#deps.company.crowded;
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
