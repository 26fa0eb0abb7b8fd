import type { Fact } from '../ports/watch.js';

/** Deliveries that came to rest in this process since it started. */
export interface WorkCounts {
  readonly processed: number;
  /** Those of them that are dead or held. */
  readonly failed: number;
  count(fact: Fact): void;
}

const FAILED: ReadonlySet<string> = new Set(['dead', 'held']);
const AT_REST: ReadonlySet<string> = new Set(['delivered', 'skipped', 'expired', 'cancelled', ...FAILED]);

export function createWorkCounts(): WorkCounts {
  let processed = 0;
  let failed = 0;
  return {
    get processed() {
      return processed;
    },
    get failed() {
      return failed;
    },
    count(fact) {
      if (fact.kind !== 'settled' || !AT_REST.has(fact.delivery.status)) return;
      processed += 1;
      if (FAILED.has(fact.delivery.status)) failed += 1;
    },
  };
}
