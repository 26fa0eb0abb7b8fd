import { pause, within } from './processes.js';
import type { Recipe } from './recipe.js';

/** Asks until it answers. Rejects when the time is over, or when it is no longer `alive`. */
export async function answering(recipe: Recipe, port: number, alive: () => boolean): Promise<void> {
  const until = performance.now() + recipe.readyWithinMs;
  let last = 'no answer';
  while (performance.now() < until) {
    if (!alive()) throw new Error('it ended');
    const asked = recipe.ping(recipe.uri(port)).catch((error: unknown) => {
      last = error instanceof Error ? error.message : String(error);
      throw error;
    });
    if (await within(asked, until - performance.now()).catch(() => false)) return;
    await pause(50);
  }
  throw new Error(`no answer within ${recipe.readyWithinMs} ms (${last})`);
}
