import type { Configuration } from './configurations.js';
import { runSeed } from './schedule.js';

/** The first schedule that breaks a rule. */
export interface First {
  /** Which rule; null where all schedules held. */
  readonly found: string | null;
  readonly seed: number;
  readonly tried: number;
  readonly detail: string;
}

/** Runs schedules until one breaks a rule, or none is left. A rejection that nobody handles counts as one. */
export async function findFirst(configuration: Configuration, from: number, seeds: number): Promise<First> {
  let unhandled: string | null = null;
  const note = (reason: unknown): void => {
    unhandled ??= String(reason);
  };
  process.on('unhandledRejection', note);
  try {
    for (let tried = 1; tried <= seeds; tried += 1) {
      const seed = from + tried - 1;
      const [first] = (await runSeed(seed, configuration, false, true)).violations;
      if (first !== undefined) return { found: first.kind, seed, tried, detail: first.detail };
      if (unhandled !== null) return { found: 'UNHANDLED', seed, tried, detail: unhandled };
    }
    return { found: null, seed: 0, tried: seeds, detail: '' };
  } finally {
    process.off('unhandledRejection', note);
  }
}
