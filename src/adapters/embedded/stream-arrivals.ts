import type { Timers } from '../../ports/clock.js';

/** Wakes those who wait for something new in a partition. All of it is in this process. */
export class StreamArrivals {
  readonly #timers: Timers;
  /** Rises with everything new. */
  readonly #news = new Map<number, number>();
  /** As far as the reader of each partition has looked. */
  readonly #seen = new Map<number, number>();
  readonly #waiting = new Map<number, Set<() => void>>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  arrived(partition: number): void {
    this.#news.set(partition, this.#of(partition) + 1);
    for (const wake of [...(this.#waiting.get(partition) ?? [])]) wake();
  }

  everywhere(): void {
    for (const partition of [...this.#waiting.keys()]) this.arrived(partition);
  }

  /** Its reader found nothing more. */
  looked(partition: number): void {
    this.#seen.set(partition, this.#of(partition));
  }

  next(partition: number, maxMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#seen.get(partition) !== this.#of(partition)) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(partition) ?? new Set();
      this.#waiting.set(partition, waiting);
      const wake = (): void => {
        waiting.delete(wake);
        timer.cancel();
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = this.#timers.after(maxMs, wake);
      waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  /** Nobody waits any longer. */
  close(): void {
    this.everywhere();
  }

  #of(partition: number): number {
    return this.#news.get(partition) ?? 0;
  }
}
