import type { Report } from '../../tools/ledger/entry.js';
import type { FaultCounts } from './faults.js';
import type { Exhausted } from './rest.js';
import type { StepViolation } from './world.js';

/** What came of one seed. */
export interface Verdict {
  readonly seed: number;
  readonly violations: readonly StepViolation[];
  readonly report: Report;
  readonly counts: FaultCounts;
  readonly exhausted: Exhausted;
  readonly covered: Readonly<Record<string, number>>;
  readonly steps: number;
  readonly trace: readonly string[];
}
