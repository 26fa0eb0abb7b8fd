import type { Clock, Timers } from '../../ports/clock.js';

/** What is no more, or takes no longer, is counted whenever it is asked for. */
const FEW = 1000;
const CHEAP_MS = 50;
/** What takes longer is left alone for so many times as long: a twentieth of one connection's time is enough for it. */
const RESTS = 20;
/** How long the first who ask wait for a count that takes long. */
const PATIENCE_MS = 2000;

/**
 * A count of something that may be small or very large: exact while it is cheap; then the last known, counted again in
 * the background now and then.
 */
export class PacedCount<T> {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #count: () => Promise<T>;
  readonly #sizeOf: (counted: T) => number;
  #last: T | null = null;
  #tookMs = 0;
  #countedAt = 0;
  #running: Promise<T> | undefined;

  /** @param sizeOf how many were counted */
  constructor(clock: Clock, timers: Timers, count: () => Promise<T>, sizeOf: (counted: T) => number) {
    this.#clock = clock;
    this.#timers = timers;
    this.#count = count;
    this.#sizeOf = sizeOf;
  }

  /** Null where nothing is known yet, since the first count takes long. Rejects as the count does, where it was waited for. */
  read(): Promise<T | null> {
    const few = this.#last === null || this.#sizeOf(this.#last) <= FEW;
    if ((few || this.#tookMs <= CHEAP_MS) && this.#running === undefined) return this.#orPatience(this.#measured());
    const resting = this.#clock.monotonic() - this.#countedAt < RESTS * this.#tookMs;
    if (this.#running === undefined && !resting) this.#inBackground(this.#measured());
    return Promise.resolve(this.#last);
  }

  async #measured(): Promise<T> {
    const startedAt = this.#clock.monotonic();
    const counted = await this.#count();
    // One that failed says nothing of how long counting takes.
    this.#last = counted;
    this.#countedAt = this.#clock.monotonic();
    this.#tookMs = this.#countedAt - startedAt;
    return counted;
  }

  /** Whoever asks after it has become clear that it takes long no longer waits for it. */
  #orPatience(counted: Promise<T>): Promise<T | null> {
    return new Promise((resolve, reject) => {
      const patience = this.#timers.after(PATIENCE_MS, () => {
        this.#inBackground(counted);
        resolve(this.#last);
      });
      counted.then(resolve, reject).finally(() => patience.cancel());
    });
  }

  #inBackground(counted: Promise<T>): void {
    this.#running = counted;
    const done = (): void => {
      if (this.#running === counted) this.#running = undefined;
    };
    // A failure is told to whoever asks the store for anything else.
    counted.then(done, done);
  }
}
