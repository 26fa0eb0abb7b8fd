import type { Chance } from '../../ports/chance.js';

/** V8's generator, seeded from the system's entropy in each process: good for jitter, not for secrets. */
export function createSystemChance(): Chance {
  return { next: () => Math.random() };
}
