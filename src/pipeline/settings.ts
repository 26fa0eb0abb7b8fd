/** The numbers of the pipeline. All times in milliseconds. */
export interface PipelineSettings {
  /** How long a claim holds without renewal. */
  readonly leaseMs: number;
  /** Between renewals; a third of the lease by default. */
  readonly heartbeatMs: number;
  /** A lease is not renewed beyond this age: an item that needs longer goes back. */
  readonly leaseCapMs: number;
  /** The most records claimed in one go. */
  readonly batchSize: number;
  /** Wake-ups held, and records worked on, at a time. Above the batch size, so that there is something to claim while others wait for commits and calls. */
  readonly prefetch: number;
  /** The safety net: the longest the sweeper sleeps. Nothing waits for it in normal running. */
  readonly pollIntervalMs: number;
  /** A published wake-up that brought no claim within this time is published again. */
  readonly republishAfterMs: number;
  /** Time limit of one call to a provider. */
  readonly sendTimeoutMs: number;
  /** Retries after the first attempt; then the delivery is dead. */
  readonly maxRetries: number;
  /** Times a provider may ask us to slow down before the delivery is dead. */
  readonly maxThrottles: number;
  /** Claims without any progress before the deliveries are dead: for items that kill their worker. */
  readonly maxClaims: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** Failures in a row that open a provider's breaker, and how long it stays open. */
  readonly breakerFailures: number;
  readonly breakerOpenMs: number;
}
