import type { Incarnation } from '../incarnation.js';

/** A push takes so long to come, milliseconds. */
const PUSH_MS = 3;

/** Tells those who wait that something came. What comes while nobody waits is seen by the next who does. */
export class SimArrivals {
  private readonly news = new Map<number, number>();
  private readonly seen = new Map<number, number>();
  private readonly waiting = new Map<number, Set<() => void>>();

  arrived(partition: number): void {
    this.news.set(partition, this.of(partition) + 1);
    for (const wake of [...(this.waiting.get(partition) ?? [])]) wake();
  }

  everywhere(): void {
    for (const partition of [...this.waiting.keys()]) this.arrived(partition);
  }

  /** Its reader has found nothing more. */
  looked(partition: number): void {
    this.seen.set(partition, this.of(partition));
  }

  next(who: Incarnation, partition: number, maxMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.seen.get(partition) !== this.of(partition)) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.waiting.get(partition) ?? new Set();
      this.waiting.set(partition, waiting);
      const end = (): void => {
        waiting.delete(push);
        timer.cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const push = (): void => {
        waiting.delete(push);
        who.timers.after(PUSH_MS, end);
      };
      const timer = who.timers.after(maxMs, end);
      waiting.add(push);
      signal.addEventListener('abort', end, { once: true });
    });
  }

  private of(partition: number): number {
    return this.news.get(partition) ?? 0;
  }
}
