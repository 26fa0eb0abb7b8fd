import { SignalboxError } from '../../errors.js';

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Writes a batch and answers each item in order; an error in an item's place is that item's alone. */
export type WriteBatch<Item, Result> = (items: readonly Item[]) => Promise<readonly (Result | SignalboxError)[]>;

/** So many must wait before another batch goes out beside one that is under way: with less it costs the store more than it saves time. */
const WORTH_A_LANE = 16;

/**
 * Gathers writes into batches: those of one turn of the event loop while nothing is under way, else those that come until
 * the batch before is answered, or until there are enough of them for a lane of their own. The busier the store is, the more
 * writes share a round trip. Batches begin in the order of the calls; with several lanes they may end in another.
 */
export class Gather<Item, Result> {
  readonly #write: WriteBatch<Item, Result>;
  readonly #most: number;
  readonly #lanes: number;
  #waiting: Waiting<Item, Result>[] = [];
  #busy = 0;

  /**
   * @param most items of one batch
   * @param lanes batches at a time
   */
  constructor(most: number, write: WriteBatch<Item, Result>, lanes = 1) {
    this.#most = most;
    this.#write = write;
    this.#lanes = lanes;
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#busy >= this.#lanes || (this.#busy > 0 && this.#waiting.length < WORTH_A_LANE)) return;
      this.#busy += 1;
      setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    // Each round takes at least one of those that wait.
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#most);
      try {
        answer(batch, await this.#write(batch.map(({ item }) => item)));
      } catch (error) {
        // The store is gone: those behind would only wait as long again to hear the same.
        const behind = error instanceof SignalboxError ? this.#waiting.splice(0) : [];
        for (const { reject } of [...batch, ...behind]) reject(error);
      }
    }
    this.#busy -= 1;
  }
}

function answer<Item, Result>(batch: readonly Waiting<Item, Result>[], results: readonly (Result | SignalboxError)[]): void {
  for (const [index, { resolve, reject }] of batch.entries()) {
    const result = results[index] as Result | SignalboxError;
    if (result instanceof SignalboxError) reject(result);
    else resolve(result);
  }
}
