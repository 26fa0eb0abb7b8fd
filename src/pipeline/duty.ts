import type { Clock } from '../ports/clock.js';
import type { Duties } from '../ports/duties.js';

/** A holder that died is replaced after so long: well within a lease, so that its work is found by the time it is free. */
const HELD_MS = 15_000;
/** How often it is kept, or asked for. */
export const DUTY_CHECK_MS = 5_000;

/** One duty as this process sees it. */
export interface Duty {
  /** Whether it is ours now; takes or keeps it. Rejects when the store does not answer. */
  mine(): Promise<boolean>;
  /** Another may have it. */
  giveUp(): Promise<void>;
}

interface Deps {
  /** Left out: nobody else is there. */
  readonly duties?: Duties;
  readonly mayHold?: ReadonlySet<string>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly worker: string;
}

/** Asks the store no more often than every {@link DUTY_CHECK_MS}. */
export function createDuty({ duties, mayHold, clock, worker }: Deps, name: string): Duty {
  let ours = false;
  let askAt = Number.NEGATIVE_INFINITY;
  return {
    async mine() {
      if (duties === undefined) return true;
      if (mayHold !== undefined && !mayHold.has(name)) return false;
      const now = clock.monotonic();
      if (now < askAt) return ours;
      ours = false;
      ours = await duties.hold(name, worker, HELD_MS);
      askAt = now + DUTY_CHECK_MS;
      return ours;
    },
    async giveUp() {
      if (!ours || duties === undefined) return;
      ours = false;
      await duties.giveUp(name, worker).catch(() => undefined);
    },
  };
}
