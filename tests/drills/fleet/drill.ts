import type { Findings } from './evidence.js';
import type { OfferOf } from './load.js';
import type { Scale, ServerName, Stage } from './stage.js';
import type { Work } from './work.js';

/** One drill: a fleet under load, something bad, and what must hold besides what must always hold. `F`: what its work finds out. */
export interface Drill<F = Findings> {
  /** As on the command line. */
  readonly name: string;
  /** One line for `--help`, and what its figures mean. */
  readonly about: string;
  /** Where it differs from {@link SCALE}. */
  readonly scale?: Partial<Scale>;
  /** Settings of every process, on top of the stage's own. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Servers that the fleet reaches through a proxy only: `stage.proxies`. */
  readonly proxied?: readonly ServerName[];
  /** What the fleet is given to do, and how that is judged; default: notifications. */
  readonly work?: Work<F>;
  /** What is offered; default: as the work has it. */
  readonly offerOf?: OfferOf;
  /** Runs under load. Bad things happen inside `stage.fault(…)` or are told to `stage.struck(…)`; what must not be goes to `stage.fail(…)`. */
  fault(stage: Stage): Promise<void>;
  /** What else must hold of the evidence: a line for each thing that does not. May add figures. */
  judge?(stage: Stage, findings: F): readonly string[];
}

/** What a drill runs at unless it or the command line says otherwise. */
export const SCALE: Omit<Scale, 'seed'> = { rate: 30, seconds: 10, cycles: 5, apis: 2, workers: 3, leaseMs: 5_000 };

/** A dead worker's work is taken up within its lease and so long. */
export const AFTER_LEASE_MS = 5_000;
/** A broker or Redis that is back is worked with again within so long. */
export const RESTART_MS = 10_000;
