import type { SimStore } from './sim-store.js';
import { natureOf } from './sim-workload.js';
import type { World } from './world.js';

/** Records that were given up because they were claimed again and again without any progress. */
export interface Exhausted {
  /** They kill whoever looks at them, so this is their right end. */
  readonly killers: number;
  /** They were only there when it happened, or had bad luck. */
  readonly innocents: number;
}

/** What must be true at rest besides what the ledger checker knows. */
export function judgeRest(world: World, store: SimStore, calm: boolean): void {
  for (const { record, ledger } of store.rows.values()) {
    // A write that was repeated is stored once.
    const intents = ledger.filter((entry) => entry.kind === 'intent').map((entry) => `${entry.operationId} ${entry.attempt}`);
    if (new Set(intents).size < intents.length) world.violate('WRITTEN_TWICE', `an intent of ${intents[0]}`);
    if (!calm) continue;
    // Without faults nothing is tried twice, and nothing is given up but what was refused, cancelled or ran out.
    for (const { status, attempts, operationId } of record.deliveries) {
      if (attempts > 1) world.violate('NOT_CALM', `${operationId} took ${attempts} attempts`);
      if (status === 'held' || (status === 'dead' && attempts === 0)) world.violate('NOT_CALM', `${operationId} is ${status}`);
    }
  }
}

export function exhaustedIn(store: SimStore): Exhausted {
  const given = [...store.rows.values()].filter(({ record }) => record.deliveries.some((one) => one.reason === 'claims.exhausted'));
  const killers = given.filter(({ record }) => natureOf(record).poison !== undefined).length;
  return { killers, innocents: given.length - killers };
}
