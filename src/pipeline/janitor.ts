import type { Clock, Timers } from '../ports/clock.js';
import type { Duties } from '../ports/duties.js';
import type { Retention } from '../ports/retention.js';
import type { Watch } from '../ports/watch.js';
import { createDuty } from './duty.js';
import { createLoop } from './loop.js';

/** Between two looks when there was nothing left to remove. */
const REST_MS = 60_000;
/** Small bites: nobody's accept waits behind a removal. */
const AT_A_TIME = 200;
/** Between two bites. */
const PAUSE_MS = 250;

interface Deps {
  readonly retention: Retention;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly watch: Watch;
  readonly worker: string;
  readonly duties?: Duties;
  readonly mayHold?: ReadonlySet<string>;
  /** How long a record is kept after it came to rest; null: for ever. Never shorter than a key is honoured. */
  readonly keepMs: number | null;
}

/** Removes what has rested for longer than it is kept. One process of the fleet does it at a time. */
export interface Janitor {
  start(): void;
  stop(): Promise<void>;
}

export function createJanitor(deps: Deps): Janitor {
  const duty = createDuty(deps, 'janitor');
  const { keepMs } = deps;
  const clean = async (): Promise<number> => {
    try {
      if (keepMs === null || !(await duty.mine())) return REST_MS;
      const removed = await deps.retention.removeRested(keepMs, AT_A_TIME);
      return removed < AT_A_TIME ? REST_MS : PAUSE_MS;
    } catch (error) {
      deps.watch({ kind: 'trouble', where: 'janitor', error });
      return REST_MS;
    }
  };
  const loop = createLoop(deps.clock, deps.timers, clean);
  return {
    start: () => loop.start(),
    async stop() {
      await loop.stop();
      await duty.giveUp();
    },
  };
}
