import type { Consumption, TakenWakeUp, WakeUp, WakeUpQueue } from '../../src/ports/queue.js';

/** Takes wake-ups and lets a test wait for them. */
export class Taker {
  readonly taken: TakenWakeUp[] = [];
  readonly #consumption: Consumption;
  #arrived: (() => void) | undefined;

  constructor(queue: WakeUpQueue, prefetch: number, take: (wakeUp: TakenWakeUp) => void = () => {}) {
    this.#consumption = queue.consume(prefetch, (wakeUps) => {
      for (const wakeUp of wakeUps) {
        this.taken.push(wakeUp);
        take(wakeUp);
      }
      this.#arrived?.();
    });
  }

  get ids(): string[] {
    return this.taken.map((wakeUp) => wakeUp.id);
  }

  /** Resolves when so many were taken in all. */
  async until(count: number): Promise<readonly TakenWakeUp[]> {
    while (this.taken.length < count) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    return this.taken;
  }

  /** The wake-up that was taken as the n-th. */
  at(n: number): TakenWakeUp {
    const wakeUp = this.taken[n];
    if (wakeUp === undefined) throw new Error(`only ${this.taken.length} were taken`);
    return wakeUp;
  }

  stop(): Promise<void> {
    return this.#consumption.stop();
  }
}

/** A wake-up of tenant `t`, normal, unless `rest` says otherwise. */
export function wakeUp(id: string, rest: Partial<WakeUp> = {}): WakeUp {
  return { tenant: 't', id, workload: 'notifications', priority: 'normal', userId: null, ...rest };
}

/** So many different ones. */
export function wakeUps(count: number): WakeUp[] {
  return Array.from({ length: count }, (_, n) => wakeUp(`w${String(n).padStart(4, '0')}`));
}
