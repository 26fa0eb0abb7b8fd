/** What a stretch of work took in this process. */
export interface Spent {
  readonly wallMs: number;
  /** User and system time of all threads, microseconds. */
  readonly cpuMicros: number;
}

/** Starts to measure; the function it gives back tells what was spent since. */
export function meter(): () => Spent {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { wallMs: performance.now() - startedAt, cpuMicros: user + system };
  };
}

/** The two figures that every contestant shows. */
export function rateOf(spent: Spent, items: number): { readonly 'items/s': number; readonly 'CPU µs/item': number } {
  return { 'items/s': items / (spent.wallMs / 1000), 'CPU µs/item': spent.cpuMicros / items };
}
