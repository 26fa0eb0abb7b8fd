import type { PipelineSettings } from '../../src/pipeline/settings.js';

/** One pass over the whole pipeline. */
export interface PipelinePass {
  /** Keeps the keys of passes apart. */
  readonly name: string;
  readonly items: number;
  readonly inFlight: number;
  /** Where the tape of this pass goes; null: not recorded. A process records in all of its passes or in none. */
  readonly tapePath: string | null;
}

/** The defaults of the configuration. */
export const PIPELINE_SETTINGS: PipelineSettings = {
  leaseMs: 30_000,
  heartbeatMs: 10_000,
  leaseCapMs: 300_000,
  batchSize: 50,
  prefetch: 200,
  pollIntervalMs: 5_000,
  republishAfterMs: 60_000,
  sendTimeoutMs: 10_000,
  maxRetries: 3,
  maxThrottles: 20,
  maxClaims: 5,
  backoffMs: 5_000,
  backoffMaxMs: 300_000,
  breakerFailures: 5,
  breakerOpenMs: 10_000,
};
