/**
 * How many calls may begin in a second at each provider: a token bucket holding one second's worth, and behind it a line
 * of turns one rate's distance apart. Counted in one process, or over the whole fleet where processes share a counter.
 */
export interface Rates {
  /**
   * Takes one call's share of the rate. Null: go ahead. Else nothing was taken, and it is the caller's turn in so many
   * milliseconds. `inLine`: the caller comes because its turn has come.
   * @param perSecond undefined: there is no limit
   */
  take(provider: string, perSecond: number | undefined, inLine: boolean): number | null | Promise<number | null>;
}
