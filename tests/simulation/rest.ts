import type { SimStore } from './sim-store.js';
import { BATCHES, natureOf } from './sim-workload.js';
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
    if (!calm || record.workload === BATCHES) continue;
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

/** How often a schedule did what the rules are about. */
export interface Covered {
  /** Put off by quiet hours. */
  quiet: number;
  /** Put off by quiet hours, and decided anew because someone chose otherwise. */
  reconsidered: number;
  batches: number;
  /** Notifications made from them. */
  children: number;
  /** Held deliveries on which a person decided. */
  resolved: number;
  redriven: number;
  /** Of those: an earlier attempt may have had its effect. */
  redrivenInDoubt: number;
  /** Of those: dead again. */
  backOnDesk: number;
}

export function coveredIn(store: SimStore): Covered {
  const covered: Covered = {
    quiet: 0,
    reconsidered: 0,
    batches: 0,
    children: 0,
    resolved: 0,
    redriven: 0,
    redrivenInDoubt: 0,
    backOnDesk: 0,
  };
  for (const { record, events } of store.rows.values()) {
    if (record.workload === BATCHES) covered.batches += 1;
    if ((record.payload as { batchId?: string }).batchId !== undefined) covered.children += 1;
    for (const { name, rule, detail } of events) {
      if (name === 'deferred' && rule === 'quiet-hours') covered.quiet += 1;
      if (name === 'reconsidered') covered.reconsidered += 1;
      if (name === 'resolved') covered.resolved += 1;
      if (name !== 'redriven') continue;
      covered.redriven += 1;
      if (detail?.generationFrom === detail?.generationTo) covered.redrivenInDoubt += 1;
    }
    covered.backOnDesk += record.deliveries.filter(({ status, redrives = 0 }) => status === 'dead' && redrives > 0).length;
  }
  return covered;
}
