import type { Rng } from './rng.js';

/** How often what goes wrong, per call unless the name says otherwise. */
export interface FaultRates {
  readonly crashBefore: number;
  readonly crashAfter: number;
  readonly lostRequest: number;
  readonly lostReply: number;
  /** The caller's time limit passes first; the write arrives afterwards. */
  readonly late: number;
  readonly slow: number;
  readonly pause: number;
  /** Queue only: a published wake-up is doubled, or lost by the broker. */
  readonly doubled: number;
  readonly wakeUpLost: number;
  /** Receivers: share of calls that end so. */
  readonly unavailable: number;
  readonly throttled: number;
  readonly refused: number;
  readonly replyLost: number;
  readonly hangs: number;
  readonly throws: number;
  readonly queryUnknown: number;
  /** Per second of the faulty phase. */
  readonly chaosPerSecond: number;
}

export const NO_FAULTS: FaultRates = {
  crashBefore: 0,
  crashAfter: 0,
  lostRequest: 0,
  lostReply: 0,
  late: 0,
  slow: 0,
  pause: 0,
  doubled: 0,
  wakeUpLost: 0,
  unavailable: 0,
  throttled: 0,
  refused: 0,
  replyLost: 0,
  hangs: 0,
  throws: 0,
  queryUnknown: 0,
  chaosPerSecond: 0,
};

const USUAL: FaultRates = {
  crashBefore: 0.012,
  crashAfter: 0.012,
  lostRequest: 0.03,
  lostReply: 0.03,
  late: 0.01,
  slow: 0.04,
  pause: 0.015,
  doubled: 0.05,
  wakeUpLost: 0.05,
  unavailable: 0.1,
  throttled: 0.06,
  refused: 0.04,
  replyLost: 0.1,
  hangs: 0.04,
  throws: 0.01,
  queryUnknown: 0.15,
  chaosPerSecond: 0.25,
};

/**
 * Each seed has its own weather: some faults off, others up to three times as frequent. Seeds that have everything at
 * once hide what only shows when one fault meets calm.
 */
export function weather(rng: Rng): FaultRates {
  const rates = Object.entries(USUAL).map(([name, rate]) => [name, rate * rng.pick([0, 0.5, 1, 1, 1, 3])]);
  return Object.fromEntries(rates) as unknown as FaultRates;
}

/** What was done to a schedule. */
export interface FaultCounts {
  crashes: number;
  pauses: number;
  lostRequests: number;
  lostReplies: number;
  late: number;
  cuts: number;
  clockJumps: number;
  drains: number;
  wakeUpsLost: number;
}

export function noFaultCounts(): FaultCounts {
  return { crashes: 0, pauses: 0, lostRequests: 0, lostReplies: 0, late: 0, cuts: 0, clockJumps: 0, drains: 0, wakeUpsLost: 0 };
}

/** What becomes of one call. `crash…`: the caller dies before it was applied, or after it. */
export type Fate = 'well' | 'slow' | 'crash-before' | 'crash-after' | 'lost-request' | 'lost-reply' | 'late' | 'pause';

export function fateOf(rng: Rng, rates: FaultRates): Fate {
  let draw = rng.next();
  const table: readonly (readonly [Fate, number])[] = [
    ['crash-before', rates.crashBefore],
    ['crash-after', rates.crashAfter],
    ['lost-request', rates.lostRequest],
    ['lost-reply', rates.lostReply],
    ['late', rates.late],
    ['slow', rates.slow],
    ['pause', rates.pause],
  ];
  for (const [fate, rate] of table) {
    if (draw < rate) return fate;
    draw -= rate;
  }
  return 'well';
}
