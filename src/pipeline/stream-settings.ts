/** The numbers of a stream's consumers. All times in milliseconds. */
export interface StreamSettings {
  /** How long a partition is owned without renewal. */
  readonly leaseMs: number;
  /** Between two looks at who else consumes, whether there is a pause, and whose partition is whose. */
  readonly beatMs: number;
  /** Entries of one read. */
  readonly batchSize: number;
  /** The longest that a reader waits for something new. It is woken by what arrives. */
  readonly pollMs: number;
  /** Retries after the first attempt; then the entry is dead. */
  readonly maxRetries: number;
  /** Times an entry may be handed out without anybody settling it before it is dead: for those that kill their worker. */
  readonly maxDeliveries: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** What a key does after one of its entries is dead: go on with the next, or wait until a person redrives or releases it. */
  readonly afterDeath: 'continue' | 'hold';
  /** Settled entries that stay in each partition. */
  readonly keep: number;
  /** When the stream is first made. */
  readonly partitions: number;
}
