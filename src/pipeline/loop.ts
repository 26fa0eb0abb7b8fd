import type { Clock, Timer, Timers } from '../ports/clock.js';

/** A lane of repeated work. `stop` before `start` is fine, twice is fine; it resolves once the body is idle. */
export interface Loop {
  start(): void;
  stop(): Promise<void>;
  /** Run the body no later than `inMs` from now. */
  nudge(inMs: number): void;
}

/** The body says how many milliseconds to sleep until it wants to run again; it must not throw. */
export function createLoop(clock: Clock, timers: Timers, body: () => Promise<number>): Loop {
  let running = false;
  let timer: Timer | undefined;
  let wakeAt = Number.POSITIVE_INFINITY;
  let turn: Promise<void> | undefined;

  const schedule = (inMs: number): void => {
    const at = clock.monotonic() + Math.max(0, inMs);
    if (!running || at >= wakeAt) return;
    wakeAt = at;
    // While the body runs, only the wish is kept: it is looked at when the body is done.
    if (turn !== undefined) return;
    timer?.cancel();
    timer = timers.after(Math.max(0, inMs), run);
  };

  const run = (): void => {
    timer = undefined;
    wakeAt = Number.POSITIVE_INFINITY;
    turn = body().then((delayMs) => {
      turn = undefined;
      const wished = wakeAt - clock.monotonic();
      wakeAt = Number.POSITIVE_INFINITY;
      schedule(Math.min(delayMs, wished));
    });
  };

  return {
    start() {
      if (running) return;
      running = true;
      schedule(0);
    },
    async stop() {
      running = false;
      timer?.cancel();
      timer = undefined;
      await turn;
    },
    nudge: schedule,
  };
}
