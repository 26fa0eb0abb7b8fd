import type { Evidence } from '../../../tools/ledger/entry.js';

/** When the receiver first took each operation, milliseconds since the epoch; a repeat that it absorbed is no later effect. */
export function firstEffects({ seen }: Evidence): ReadonlyMap<string, number> {
  const first = new Map<string, number>();
  for (const { operationId, at } of seen) first.set(operationId, Math.min(at, first.get(operationId) ?? at));
  return first;
}

/** 95 % are not more than this; 0 of nothing. */
export function p95(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.floor(0.95 * sorted.length)] ?? 0;
}

/** The most that happened within any second. @param times milliseconds, rising */
export function mostInASecond(times: readonly number[]): number {
  let most = 0;
  let first = 0;
  for (const [last, at] of times.entries()) {
    while ((times[first] ?? 0) <= at - 1000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
