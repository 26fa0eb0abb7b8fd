import type { Timers } from '../../ports/clock.js';

/** Node fires at once, with a warning, when asked for more. */
const LONGEST_MS = 2 ** 31 - 1;

/** This process's timers. A delay of any length is kept; a pending timer keeps the process alive. */
export function createSystemTimers(): Timers {
  return {
    after(delayMs, fire) {
      if (delayMs <= 0) {
        const immediate = setImmediate(fire);
        return { cancel: () => clearImmediate(immediate) };
      }
      let left = delayMs;
      let handle: NodeJS.Timeout;
      const arm = (): void => {
        const step = Math.min(left, LONGEST_MS);
        left -= step;
        handle = setTimeout(() => (left > 0 ? arm() : fire()), step);
      };
      arm();
      return { cancel: () => clearTimeout(handle) };
    },
  };
}
