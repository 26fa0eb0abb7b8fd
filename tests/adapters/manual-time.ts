import type { Clock, Timer, Timers } from '../../src/ports/clock.js';

interface Waiting {
  readonly at: number;
  readonly fire: () => void;
}

/** A clock that stands still, and timers that fire when it is moved. */
export class ManualTime implements Clock, Timers {
  #now = 1_800_000_000_000;
  readonly #waiting = new Set<Waiting>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(delayMs: number, fire: () => void): Timer {
    const waiting = { at: this.#now + delayMs, fire };
    this.#waiting.add(waiting);
    return { cancel: () => void this.#waiting.delete(waiting) };
  }

  /** Moves the clock, firing what falls due in its order and at its time. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#waiting].filter((waiting) => waiting.at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#waiting.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
    }
    this.#now = end;
  }
}
