import type { Clock } from '../../ports/clock.js';

/** This machine's clocks. */
export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
  };
}
