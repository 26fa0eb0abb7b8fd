/** The share of a second's calls that may be saved up (two at least): so far above its rate may a provider be asked within any second. */
export const SAVED_UP = 0.25;
/** The least that may be saved up: with less, a rate of 1 could not make up for anybody who comes a little late to their turn. */
export const BURST_MIN = 2;

/**
 * How many calls may begin in a second at each provider: a token bucket holding a quarter of a second's worth, and behind it a
 * line of turns one rate's distance apart. Counted in one process, or over the whole fleet where processes share a counter.
 */
export interface Rates {
  /**
   * Takes one call's share of the rate. Null: go ahead. Else nothing was taken, and it is the caller's turn in so many
   * milliseconds. `inLine`: the caller comes because its turn has come.
   * @param perSecond undefined: there is no limit
   */
  take(provider: string, perSecond: number | undefined, inLine: boolean): number | null | Promise<number | null>;
}
