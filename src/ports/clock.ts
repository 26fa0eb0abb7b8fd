/** Time as the pipeline may see it. A simulation gives its own; nothing else there may read a clock. */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump; decide nothing about leases by it. */
  now(): number;
  /** Milliseconds from an arbitrary start; never falls, and runs on while the process is stopped. */
  monotonic(): number;
}

/** A timer that can be called off. Calling it off twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Timers {
  /** Calls `fire` once after `delayMs` (0: at the next turn). Delays above 2^31−1 ms are the adapter's to handle. */
  after(delayMs: number, fire: () => void): Timer;
}
