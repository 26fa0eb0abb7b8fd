/** What client and servers agree upon. */

export const PATH = '/api/v1/notifications';

/** Between the last answer and the end of the measurement: what is left to do after an answer takes a turn or two. */
export const SETTLE_MS = 50;

export interface Load {
  readonly port: number;
  /** Tells the passes apart in the store. */
  readonly pass: string;
  readonly items: number;
  readonly inFlight: number;
}
