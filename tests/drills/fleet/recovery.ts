import type { Fault } from './stage.js';

/** How long after a fault what it had hit was over. Milliseconds; null where there was nothing. */
export interface FaultRecovery {
  /** From its end to the first effect at the receiver. */
  readonly firstEffectMs: number | null;
  /** From its end until the last thing that was offered before came to rest. */
  readonly drainedMs: number | null;
  /** How many were not at rest when it began, or were offered while it lasted. */
  readonly hit: number;
}

/** What was offered, and when it came to rest. Milliseconds since the epoch; null: never. */
export interface Waited {
  readonly since: number;
  readonly settledAt: number | null;
}

/** Computed afterwards, from what clients, receiver and records say; a next fault in between makes `drainedMs` longer. */
export function recoveriesOf(faults: readonly Fault[], waited: readonly Waited[], effects: readonly number[]): readonly FaultRecovery[] {
  const sorted = [...effects].sort((a, b) => a - b);
  return faults.map(({ from, to }) => {
    const first = sorted.find((at) => at >= to);
    const hit = waited.filter(({ since, settledAt }) => since <= to && settledAt !== null && settledAt > from);
    const last = hit.reduce((most, { settledAt }) => Math.max(most, settledAt ?? 0), 0);
    return {
      firstEffectMs: first === undefined ? null : first - to,
      drainedMs: hit.length === 0 ? null : Math.max(0, last - to),
      hit: hit.length,
    };
  });
}
