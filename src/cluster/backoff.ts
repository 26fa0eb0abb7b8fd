/** How long a process that died is left dead. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
  /** A process that lived so long had not failed to start. */
  readonly resetMs: number;
}

export const USUAL_BACKOFF: Backoff = { firstMs: 1_000, longestMs: 30_000, resetMs: 60_000 };

/** @param previousMs the delay before the life that has just ended, 0 where there was none */
export function delayAfter(previousMs: number, livedMs: number, { firstMs, longestMs, resetMs }: Backoff): number {
  if (previousMs === 0 || livedMs >= resetMs) return firstMs;
  return Math.min(previousMs * 2, longestMs);
}
