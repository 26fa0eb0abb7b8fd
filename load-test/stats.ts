/** A distribution in a few figures. Milliseconds wherever it is about time. */
export interface Summary {
  readonly count: number;
  readonly avg: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** The value that a share of `sorted` is not above: nearest rank. NaN where there are none. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function summaryOf(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const sum = sorted.reduce((total, value) => total + value, 0);
  return {
    count: sorted.length,
    avg: sum / sorted.length,
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
    max: sorted.at(-1) ?? Number.NaN,
  };
}

/** This process's wall clock with fractions: the system's time at its start, and the monotonic clock since. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** How many of `values` fall below each bound and not below the one before; the last counts what is beyond all. */
export function histogram(values: readonly number[], bounds: readonly number[]): readonly number[] {
  const counts = new Array<number>(bounds.length + 1).fill(0);
  for (const value of values) {
    const place = bounds.findIndex((bound) => value < bound);
    const index = place < 0 ? bounds.length : place;
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}
