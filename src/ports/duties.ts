/**
 * Work that one process of the fleet does for all: looking for what is due (`sweeper`), applying what people changed
 * (`reconsider`), cleaning up (`janitor`). Doing it twice would be harmless, only wasteful: a duty is a lease without a token.
 *
 * Promises: at most one holder at a time by the store's clock; a holder that died is replaced when its time has run out.
 * Throws `SignalboxError` (`store-unavailable`).
 */
export interface Duties {
  /** Takes the duty where it is free, or keeps it where it is ours: true, and ours for `leaseMs` from now. */
  hold(duty: string, holder: string, leaseMs: number): Promise<boolean>;
  /** Another may take it at once. Of somebody else's duty: nothing happens. */
  giveUp(duty: string, holder: string): Promise<void>;
  /** Who holds what at this moment. */
  held(): Promise<readonly { readonly duty: string; readonly holder: string; readonly until: number }[]>;
}
