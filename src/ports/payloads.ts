/**
 * Where content waits that is too large for the log of what was accepted.
 *
 * Promises: `put` is durable when it resolves; the same name twice is one payload. Throws `SignalboxError` (`store-unavailable`,
 * `store-full`).
 */
export interface PayloadStore {
  /** @param name unique over all tenants, and of this content alone */
  put(name: string, content: string): Promise<void>;
  /** Those that are there, by name. */
  get(names: readonly string[]): Promise<ReadonlyMap<string, string>>;
  remove(names: readonly string[]): Promise<void>;
}
