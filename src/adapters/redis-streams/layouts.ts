import { SignalboxError } from '../../errors.js';
import type { Clock } from '../../ports/clock.js';
import { partitionOf } from '../../ports/partition.js';
import type { Layout } from '../../ports/stream.js';
import { GROUP, type Names, type PartitionNames } from './names.js';
import type { Scripts } from './scripts.js';

/** The control as the server has it. */
export interface Known {
  readonly epoch: number;
  readonly partitions: number;
  /** Before the last change. */
  readonly from: number;
  /** The newest epoch of which anything is handed out. */
  readonly opened: number;
  readonly paused: boolean;
}

interface Seen {
  readonly known: Known;
  /** Whether ids may still be remembered where they were before the last change. */
  recalls(): boolean;
}

type Answer = [now: number, control: (string | null)[], owners: string[]];

/** How often somebody who comes between two changes looks again. */
const TRIES = 5;

/**
 * Where each key is. Whoever learns of a new epoch seals every partition before it goes by it, so that nothing of the new epoch is
 * anywhere while something of the old one can still be added somewhere.
 */
export class Layouts {
  readonly #scripts: Scripts;
  readonly #names: Names;
  readonly #clock: Clock;
  readonly #rememberMs: number;
  #seen: Seen | undefined;
  #learning: Promise<Seen> | undefined;

  constructor(scripts: Scripts, names: Names, clock: Clock, rememberMs: number) {
    this.#scripts = scripts;
    this.#names = names;
    this.#clock = clock;
    this.#rememberMs = rememberMs;
  }

  /** As last seen; asks where nothing is known yet. */
  async now(): Promise<Seen> {
    return this.#seen ?? this.learn();
  }

  /** Asks, and goes by the answer once every partition is sealed. Those who ask at once share one answer. */
  learn(): Promise<Seen> {
    this.#learning ??= this.#ask().finally(() => {
      this.#learning = undefined;
    });
    return this.#learning;
  }

  async #ask(): Promise<Seen> {
    const [now, control] = await this.beat('', 0);
    return this.adopt(now, control);
  }

  /** The names of those who consume, and the control. */
  beat(owner: string, livesMs: number): Promise<Answer> {
    return this.#scripts.run('beat', [this.#names.owners, this.#names.control], [owner, livesMs]);
  }

  async adopt(now: number, control: readonly (string | null)[]): Promise<Seen> {
    const [epoch, partitions, from, opened, at, paused] = control;
    if (epoch === null || epoch === undefined) throw new SignalboxError('store-unavailable', 'The stream has not been made yet.');
    const known = {
      epoch: Number(epoch),
      partitions: Number(partitions),
      from: Number(from),
      opened: Number(opened),
      paused: paused === '1',
    };
    const changed = this.#seen?.known.epoch !== known.epoch;
    if (changed) await this.sealAll(known);
    const until = this.#clock.monotonic() + this.#rememberMs - (now - Number(at));
    this.#seen = { known, recalls: () => known.from !== known.partitions && this.#clock.monotonic() < until };
    return this.#seen;
  }

  /** Makes streams, groups and layouts where there are none. */
  async sealAll({ epoch, partitions, from, opened }: Known): Promise<void> {
    await Promise.all(
      this.upTo(Math.max(partitions, from)).map(({ stream, layout }) =>
        this.#scripts.run('seal', [stream, layout], [epoch, GROUP, opened]),
      ),
    );
  }

  upTo(partitions: number): readonly PartitionNames[] {
    return Array.from({ length: partitions }, (_, partition) => this.#names.of(partition));
  }

  /** Partitions that have, or may have, anything in them. */
  inUse({ epoch, opened, partitions, from }: Known): readonly PartitionNames[] {
    return this.upTo(epoch === opened ? partitions : Math.max(partitions, from));
  }

  /**
   * Does something in the partition of a key under the present epoch; when that turns out to be past, again under the next.
   * @param act gives null when the epoch was another
   */
  async under<T>(act: (seen: Seen) => Promise<T | null>): Promise<T> {
    let seen = await this.now();
    for (let tries = 0; tries < TRIES; tries += 1) {
      const done = await act(seen);
      if (done !== null) return done;
      const { known } = seen;
      seen = await this.learn();
      // The control is where it was, but a partition is not: what it knew is lost. It is made again.
      if (seen.known.epoch === known.epoch) await this.sealAll(seen.known);
    }
    throw new SignalboxError('store-unavailable', 'The partitions of the stream are being changed.');
  }

  partition(key: string, { partitions }: Pick<Layout, 'partitions'>): PartitionNames {
    return this.#names.of(partitionOf(key, partitions));
  }

  /** Where something of a key may be: its partition and, while keys move, the one that it comes from. */
  places(key: string, { epoch, opened, partitions, from }: Known): readonly PartitionNames[] {
    const numbers = [partitions, ...(epoch === opened ? [] : [from])].map((many) => partitionOf(key, many));
    return [...new Set(numbers)].map((partition) => this.#names.of(partition));
  }
}
