/** The memory of one process at one check. */
export interface MemoryLook {
  /** Seconds from the start. */
  readonly at: number;
  readonly rssMb: number;
}

/** What the memory of a process does. Null: it has not been looked at for long enough to tell. */
export interface Growth {
  readonly fromMb: number;
  readonly byMb: number;
  /** Over the time that was looked at, extended to an hour. */
  readonly mbPerHour: number;
  readonly grows: boolean;
}

/** Of the looks so many come first that are left out: a process takes memory until it has done everything once. */
const WARM_SHARE = 1 / 3;
/** With fewer looks, or in less time, nothing can be told from noise. */
const LOOKS = 4;
const SPAN_S = 600;
/** More than both of these over the time that is looked at is growth: less is the garbage collector's coming and going. */
const SHARE = 0.1;
const FLOOR_MB = 16;

/**
 * The trend of a process's memory after its first third: the median of the slopes between all pairs of looks (Theil and Sen), which
 * neither a look in the middle of a collection nor one jump to a new level moves, as both move a mean or a fitted line. A leak
 * raises all pairs.
 */
export function growthOf(looks: readonly MemoryLook[]): Growth | null {
  const settled = looks.slice(Math.floor(looks.length * WARM_SHARE));
  const [first, last] = [settled[0], settled.at(-1)];
  if (first === undefined || last === undefined || settled.length < LOOKS || last.at - first.at < SPAN_S) return null;
  const slopes = settled.flatMap((from, n) => settled.slice(n + 1).map((to) => (to.rssMb - from.rssMb) / (to.at - from.at)));
  const slope = median(slopes);
  const byMb = slope * (last.at - first.at);
  const fromMb = first.rssMb;
  return { fromMb, byMb, mbPerHour: slope * 3600, grows: byMb > FLOOR_MB && byMb > SHARE * fromMb };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}
