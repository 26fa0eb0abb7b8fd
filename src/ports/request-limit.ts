export interface RequestVerdict {
  readonly allowed: boolean;
  /** Requests left in the present window. */
  readonly remaining: number;
  /** Until the window ends, milliseconds. */
  readonly resetMs: number;
}

/** Counts the requests of each client in windows of a fixed length: in one process, or over all that share a counter. */
export interface RequestLimit {
  /** Counts one request. Never rejects: where the counter cannot be asked, a count of the process's own decides. */
  take(client: string): Promise<RequestVerdict>;
}

/**
 * Makes a limit whose counter is shared.
 * @param own decides while the shared counter cannot be asked
 */
export type ShareRequestLimit = (perMinute: number, own: RequestLimit) => Promise<RequestLimit>;
