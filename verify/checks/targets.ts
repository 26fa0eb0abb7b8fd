import { hold, same } from '../check.js';
import { workersHealth } from '../reading.js';
import { prometheus } from '../watching.js';
import type { World } from '../world.js';

interface Target {
  readonly labels: Readonly<Record<string, string>>;
  readonly health: string;
  readonly scrapeUrl: string;
}

/** What Prometheus scrapes: every target must be up, and every worker that there is now one of them. */
export async function targets(world: World): Promise<string> {
  const { body } = await world.expect<{ data: { activeTargets: readonly Target[] } }>(200, `${prometheus(world)}/api/v1/targets`);
  const { activeTargets: all } = body.data;
  hold(all.length > 0, 'targets', body);
  same(
    all.filter(({ health }) => health !== 'up').map(({ scrapeUrl, health }) => `${scrapeUrl} ${health}`),
    [],
    'targets that are not up',
  );
  const workers = (await workersHealth(world)).length;
  const scraped = all.filter(({ labels }) => /worker/.test(labels['job'] ?? '')).length;
  same(scraped, workers, 'workers that are scraped');
  return `${all.length} targets up, ${scraped} workers among them`;
}

/** As it is soon: who comes is found, and who goes is forgotten. */
export function targetsSoon(world: World, withinMs: number): Promise<string> {
  return world.until('Prometheus to scrape every worker, and no other', () => targets(world).catch(() => null), withinMs);
}
