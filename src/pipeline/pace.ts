import type { Clock, Timers } from '../ports/clock.js';

/** The longest rest. What comes meanwhile waits that long at most. */
const REST_MAX_MS = 25;
/** Weight of the last turn in what is known of how long turns take. */
const LAST = 0.2;

/**
 * Lets the lanes of a process set out together. Whoever has something to do after a quiet time sets out at once; who comes soon after
 * another has set out waits, with all who come meanwhile, for about as long as a turn takes. So the log and the store are asked once for
 * several partitions, and the busier they are, the less often: what is gained by asking more often is lost by waiting for the answers.
 */
export class Pace {
  readonly #clock: Clock;
  readonly #timers: Timers;
  #waiting: (() => void)[] = [];
  #nextAt = 0;
  #turnMs = 0;

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  /** Resolves when it is time to set out. */
  setOut(): Promise<void> {
    const now = this.#clock.monotonic();
    if (now >= this.#nextAt && this.#waiting.length === 0) {
      this.#nextAt = now + this.#restMs;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) this.#timers.after(Math.max(0, this.#nextAt - now), () => this.#release());
    });
  }

  /** A turn has taken so long, from setting out until nothing more was to be done. */
  took(ms: number): void {
    this.#turnMs += LAST * (ms - this.#turnMs);
  }

  get #restMs(): number {
    return Math.min(REST_MAX_MS, this.#turnMs);
  }

  #release(): void {
    const those = this.#waiting;
    this.#waiting = [];
    this.#nextAt = this.#clock.monotonic() + this.#restMs;
    for (const go of those) go();
  }
}
