import { FAILPOINTS, type FailpointName } from '../../src/runtime/failpoints.js';
import type { Seeded } from '../support/seeded.js';

/** How one server comes to its end. */
export type Kill =
  /** From outside, this long after it has caught up. */
  | { readonly kind: 'random'; readonly afterMs: number }
  /** By itself, at the n-th pass of a moment. May well be before it has caught up. */
  | { readonly kind: 'failpoint'; readonly name: FailpointName; readonly nth: number };

/** Passed once per batch and not once per item, so rarer. */
const PER_BATCH: ReadonlySet<FailpointName> = new Set(['before-publish', 'after-publish']);

/** Half at random moments, half at named ones: each name once before any comes again. The seed decides. */
export function crashPlan(cycles: number, rate: number, seeded: Seeded): readonly Kill[] {
  let names: FailpointName[] = [];
  return Array.from({ length: cycles }, (_, index): Kill => {
    if (index % 2 === 0) return { kind: 'random', afterMs: seeded.between(0, 1500) };
    if (names.length === 0) names = seeded.shuffled(FAILPOINTS);
    const name = names.pop() ?? 'after-send';
    const perSecond = PER_BATCH.has(name) ? rate / 4 : rate;
    return { kind: 'failpoint', name, nth: Math.max(1, Math.round(perSecond * (0.2 + 1.8 * seeded.next()))) };
  });
}

/** As the scorecard and the setting FAILPOINT have it. */
export function nameOf(kill: Kill): string {
  return kill.kind === 'random' ? 'kill -9 at random' : `${kill.name}:${kill.nth}`;
}
