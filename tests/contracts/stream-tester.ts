import { afterEach, beforeEach } from '@jest/globals';
import { partitionOf } from '../../src/ports/partition.js';
import type { Failure } from '../../src/ports/record.js';
import type { Appended, Batch, Hold, Settlement, StreamDraft, StreamEntry, StreamPorts } from '../../src/ports/stream.js';

/** What an adapter has; what it lacks is not tested. */
export interface StreamFeatures {
  /** What is in it outlives the process. */
  readonly durable: boolean;
}

/** An empty stream with {@link PARTITIONS} partitions under test. The ports are read afresh after a restart. */
export interface StreamHarness {
  readonly stream: StreamPorts;
  /** The same stream as another process sees it; where there is but one, that one. */
  another(): Promise<StreamPorts>;
  /** Resolves when so many milliseconds have passed on the stream's clock. */
  pass(ms: number): Promise<void>;
  /** Ends it in order, or as a crash would, and opens it again on the same data. */
  restart(how: 'closed' | 'crashed'): Promise<void>;
  dispose(): Promise<void>;
}

export const PARTITIONS = 4;
/** Long enough not to run out by itself on a slow machine. */
export const LONG_MS = 60_000;
/** Short enough to wait for. */
export const SHORT_MS = 60;

export const FAILURE: Failure = { code: 'refused', message: 'Not this one.' };

/** A harness for each test, and the few sentences in which the suites talk to it. */
export class StreamTester {
  #harness: StreamHarness | undefined;
  readonly #batches = new Map<Hold, number>();

  constructor(make: () => Promise<StreamHarness>) {
    beforeEach(async () => {
      this.#harness = await make();
    });
    afterEach(async () => {
      await this.#harness?.dispose();
    });
  }

  get harness(): StreamHarness {
    if (this.#harness === undefined) throw new Error('no test is running');
    return this.#harness;
  }

  get stream(): StreamPorts {
    return this.harness.stream;
  }

  /** Appends one of tenant `t` for each id; ids begin with their key: `a1`, `a2`, `b1`. */
  async append(...ids: readonly string[]): Promise<readonly Appended[]> {
    return this.stream.log.append(ids.map((id) => draft(id)));
  }

  async take(partition: number, owner = 'w1', leaseMs = LONG_MS): Promise<Hold> {
    const hold = await this.stream.leases.take(partition, owner, leaseMs);
    if (hold === null) throw new Error(`partition ${partition} is held`);
    return hold;
  }

  async read(hold: Hold, limit = 10): Promise<Batch> {
    const batch = await this.stream.log.read(hold, limit);
    if (batch === 'stale') throw new Error('the hold is stale');
    if (batch.entries.length > 0) this.#batches.set(hold, batch.number);
    return batch;
  }

  /** Ids of the next batch, which is then settled as done. */
  async consume(hold: Hold, limit = 10): Promise<string[]> {
    const { entries } = await this.read(hold, limit);
    await this.settle(hold, { done: entries.map(({ entry }) => entry) });
    return idsOf(entries);
  }

  /** Ids of all that comes, each batch settled as done, until nothing more is there at once. */
  async drain(hold: Hold): Promise<string[]> {
    const ids: string[] = [];
    for (;;) {
      const { entries, more } = await this.read(hold);
      await this.settle(hold, { done: entries.map(({ entry }) => entry) });
      ids.push(...idsOf(entries));
      if (!more) return ids;
    }
  }

  /** Of the batch that was read last. */
  settle(hold: Hold, settlement: Partial<Settlement>): Promise<'applied' | 'stale'> {
    return this.stream.log.settle(hold, { batch: this.#batches.get(hold) ?? 0, done: [], parked: [], ...settlement });
  }

  /** Parks the key of these entries behind the first of them, which has failed once. */
  park(hold: Hold, entries: readonly StreamEntry[], afterMs: number | null, attempts = 1): Promise<'applied' | 'stale'> {
    const [first] = entries;
    if (first === undefined) throw new Error('nothing to park');
    const { tenant, key } = first;
    return this.settle(hold, {
      parked: [{ tenant, key, entries: entries.map(({ entry }) => entry), attempts, afterMs, failure: FAILURE }],
    });
  }
}

export function draft(id: string, rest: Partial<StreamDraft> = {}): StreamDraft {
  return { tenant: 't', key: keyNamed(id.slice(0, 1)), id, fingerprint: `print of ${id}`, body: JSON.stringify({ id }), ...rest };
}

/** A key called `a`, `b` and so on: all of them in one partition of four, and in two different ones of eight. */
export function keyNamed(letter: string): string {
  for (let n = 0; ; n += 1) {
    const key = `${letter}-${n}`;
    if (partitionOf(key, PARTITIONS) === PARTITION && partitionOf(key, 2 * PARTITIONS) === newPartitionOf(letter)) return key;
  }
}

/** Where all named keys are. */
export const PARTITION = 2;

/** Where a named key is once there are twice as many partitions: `a`, `c`, `e` stay, the others move. */
export function newPartitionOf(letter: string): number {
  return letter.charCodeAt(0) % 2 === 1 ? PARTITION : PARTITION + PARTITIONS;
}

export function idsOf(entries: readonly { readonly id: string }[]): string[] {
  return entries.map(({ id }) => id);
}
