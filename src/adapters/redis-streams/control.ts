import { SignalboxError } from '../../errors.js';
import { partitionOf } from '../../ports/partition.js';
import type { Layout, StreamControl } from '../../ports/stream.js';
import { keyOf } from './lane.js';
import type { Known, Layouts } from './layouts.js';
import { type LookAnswer, look } from './log.js';
import { DEAD_GROUP, type Names, type PartitionNames } from './names.js';
import type { Scripts } from './scripts.js';

/** Lanes of one partition that may be held while it is left. */
const HELD_MOST = '100000';

/** `StreamControl` on Redis. */
export class RedisStreamControl implements StreamControl {
  readonly #scripts: Scripts;
  readonly #names: Names;
  readonly #layouts: Layouts;

  constructor(scripts: Scripts, names: Names, layouts: Layouts) {
    this.#scripts = scripts;
    this.#names = names;
    this.#layouts = layouts;
  }

  async prepare(partitions: number): Promise<Layout> {
    const { client } = this.#scripts;
    await this.#scripts.run('beginEpoch', [this.#names.control], [partitions, '1']);
    const { known } = await this.#layouts.learn();
    await this.#layouts.sealAll(known);
    try {
      await this.#scripts.ask(() => client.xgroup('CREATE', this.#names.dead, DEAD_GROUP, '0', 'MKSTREAM'));
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('BUSYGROUP'))) throw error;
    }
    return this.layoutOf(known);
  }

  async layout(): Promise<Layout> {
    return this.layoutOf((await this.#layouts.learn()).known);
  }

  async repartition(partitions: number): Promise<Layout> {
    const begun = await this.#scripts.run<number>('beginEpoch', [this.#names.control], [partitions, '0']);
    if (begun < 0) throw new SignalboxError('conflict', 'The number of partitions is being changed already.');
    return this.layout();
  }

  async pause(paused: boolean): Promise<void> {
    await this.#scripts.ask(() => this.#scripts.client.hset(this.#names.control, 'paused', paused ? '1' : '0'));
  }

  async paused(): Promise<boolean> {
    return (await this.#layouts.learn()).known.paused;
  }

  /** What is left of a change; where nothing is left of it, it is brought to its end, by whoever finds that first. */
  async layoutOf(known: Known): Promise<Layout> {
    const { epoch, partitions, from, opened } = known;
    if (epoch === opened) return { epoch, partitions, moving: null };
    const looks = await Promise.all(this.#layouts.upTo(from).map((names) => look(this.#scripts, names)));
    const left = looks.map(leftOf).filter(({ entries }) => entries > 0);
    if (left.length > 0 || !(await this.#moveHeld(known))) return { epoch, partitions, moving: { from, left } };
    await this.#open(known);
    return { epoch, partitions, moving: null };
  }

  async #open({ epoch, partitions, from }: Known): Promise<void> {
    const { client } = this.#scripts;
    const all = this.#layouts.upTo(Math.max(partitions, from));
    await Promise.all(all.map(({ layout }) => this.#scripts.ask(() => client.hset(layout, 'opened', epoch))));
    await this.#scripts.ask(() => client.hset(this.#names.control, 'opened', epoch));
    await this.#layouts.learn();
  }

  /** Held lanes go where their keys now are. False: one of them was released meanwhile, and goes on where it was. */
  async #moveHeld({ partitions, from }: Known): Promise<boolean> {
    const moved = await Promise.all(
      this.#layouts.upTo(from).map(async (names, partition) => {
        const lanes = await this.#scripts.ask(() => this.#scripts.client.zrange(names.parked, 0, HELD_MOST));
        const leaving = lanes.filter((lane) => partitionOf(keyOf(lane).key, partitions) !== partition);
        const done: boolean[] = [];
        for (const lane of leaving) done.push(await this.#moveLane(lane, names, this.#layouts.partition(keyOf(lane).key, { partitions })));
        return done.every(Boolean);
      }),
    );
    return moved.every(Boolean);
  }

  /** There first, gone here after: whoever repeats it after a crash between the two ends at the same. */
  async #moveLane(lane: string, from: PartitionNames, to: PartitionNames): Promise<boolean> {
    const taken = await this.#scripts.run<[string, string[]] | null>('takeOut', laneKeys(from), [lane]);
    if (taken === null) return false;
    const [about, waiting] = taken;
    await this.#scripts.run('putIn', laneKeys(to), [lane, about, ...waiting]);
    await this.#scripts.run('dropLane', laneKeys(from), [lane]);
    return true;
  }
}

function laneKeys({ parked, parking, waiting }: PartitionNames): string[] {
  return [parked, parking, waiting];
}

function leftOf([, , , , , entries]: LookAnswer, partition: number): { readonly partition: number; readonly entries: number } {
  return { partition, entries };
}
