/** Removes what has been at rest for long enough. Throws `SignalboxError` (`store-unavailable`). */
export interface Retention {
  /**
   * Removes records that rest (terminal; never `held` and never `dead`, which wait for a person) and were last written more than
   * `olderThanMs` ago by the store's clock, with their history; at most `limit`. Gives how many: fewer than `limit` means none is left.
   */
  removeRested(olderThanMs: number, limit: number): Promise<number>;
}
