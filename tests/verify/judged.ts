import type { Check, TargetName } from '../../verify/check.js';
import { judge, type Verdict } from '../../verify/judge.js';
import type { Site } from '../../verify/site.js';
import { type Lies, lyingWorld } from './lying-world.js';

/** What these checks say, by the order of the ids, in a world that lies only where it is told to. */
export async function judgedBy(
  checks: readonly Check[],
  ids: readonly string[],
  target: TargetName,
  lies: Lies,
  change: Partial<Site> = {},
): Promise<readonly Verdict[]> {
  const world = await lyingWorld(target, lies);
  // Nothing here waits in vain, so nobody need be impatient.
  const means = { ...world.means, patience: 1 };
  const rows = ids.map((id) => ({ id, section: '', requirement: '', check: '' }));
  try {
    return await judge(rows, { ...world, site: { ...world.site, ...change }, means, checks, reasonFor: () => 'none', tell: () => {} });
  } finally {
    await world.end();
  }
}
