import type { Report } from '../../../tools/ledger/entry.js';
import type { Accepts, OfferOf } from './load.js';
import type { Member } from './member.js';
import type { FaultRecovery } from './recovery.js';
import type { Backlog, Stage } from './stage.js';

/** A kind of work that a fleet is given under faults, and how it is known what became of it. `F`: what its witnesses say. */
export interface Work<F = unknown> {
  /** Left out: notifications. */
  readonly accepts?: Accepts;
  /** Left out: as the load has it. */
  readonly offerOf?: OfferOf;
  /** What waits, as an API tells it; null where it does not. */
  backlog(api: Member): Promise<Backlog | null>;
  /** Asks every witness. All is at rest. The evidence stays in the stage's directory. */
  findings(stage: Stage): Promise<F>;
  judge(stage: Stage, findings: F): Judged;
  /** What is still waiting to be handed to somebody, as the server that holds it says itself. */
  left(stage: Stage): Promise<number>;
}

/** What comes of holding the witnesses against each other. */
export interface Judged {
  readonly report: Report;
  /** One for each fault of the stage, in their order. */
  readonly recoveries: readonly FaultRecovery[];
  /** What must hold and does not. */
  readonly failures: readonly string[];
  /** Counts for the scorecard besides the balance. */
  readonly rows: readonly (readonly [string, number])[];
}
