import { until } from '../stage.js';
import type { Stage } from './stage.js';

/** As long as the number of open records falls, but not for ever. */
const STANDSTILL_MS = 60_000;
const REST_WITHIN_MS = 600_000;

/** Waits until no record is open any more; false: it stands still, or in the end. */
export async function resourcesAtRest(stage: Stage): Promise<boolean> {
  let least = Number.POSITIVE_INFINITY;
  let movedAt = performance.now();
  await until(REST_WITHIN_MS, async () => {
    const open = (await stage.backlog())?.open ?? least;
    if (open < least) movedAt = performance.now();
    least = Math.min(least, open);
    return least === 0 || performance.now() - movedAt > STANDSTILL_MS;
  });
  return least === 0;
}
