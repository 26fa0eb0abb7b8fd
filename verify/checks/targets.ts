import { hold, same } from '../check.js';
import { workersHealth } from '../reading.js';
import { prometheus } from '../watching.js';
import type { World } from '../world.js';

interface Target {
  readonly labels: Readonly<Record<string, string>>;
  readonly health: string;
  readonly scrapeUrl: string;
}

/** What Prometheus scrapes: every target must be up, and every worker one of them. @param workers as many as the site began with, unless given */
export async function targets(world: World, workers?: number): Promise<string> {
  const { body } = await world.expect<{ data: { activeTargets: readonly Target[] } }>(200, `${prometheus(world)}/api/v1/targets`);
  const { activeTargets: all } = body.data;
  hold(all.length > 0, 'targets', body);
  same(
    all.filter(({ health }) => health !== 'up').map(({ scrapeUrl, health }) => `${scrapeUrl} ${health}`),
    [],
    'targets that are not up',
  );
  const scraped = all.filter(({ labels }) => /worker/.test(labels['job'] ?? '')).length;
  same(scraped, workers ?? (await workersHealth(world)).length, 'workers that are scraped');
  return `${all.length} targets up, ${scraped} workers among them`;
}

/** As it is soon: who comes is found, and who goes is forgotten. */
export function targetsSoon(world: World, workers: number, withinMs: number): Promise<string> {
  return world.until(`Prometheus to scrape ${workers} workers, and no other`, () => targets(world, workers).catch(() => null), withinMs);
}
