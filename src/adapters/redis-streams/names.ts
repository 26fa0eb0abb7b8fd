/** The consumers' group of every partition, and that of the dead letters. */
export const GROUP = 'persistence-workers';
export const DEAD_GROUP = 'dlq-processors';

/**
 * Names of all keys of one stream. Whatever one script touches shares a hash tag, so that it is in one slot of a cluster: the tag is
 * the name of the partition's stream itself, which needs no braces to hash alike.
 */
export class Names {
  readonly #base: string;
  readonly #partitions: PartitionNames[] = [];
  readonly dead: string;
  /** Hash: message id → its order and entry among the dead; of each, where there are several. */
  readonly deadIds: string;
  /** Hash: epoch, partitions, from, opened, at, paused. */
  readonly control: string;
  /** Sorted set: name → end of its time. */
  readonly owners: string;

  /** @param prefix before every name; empty by default. @param stream e.g. `msg` for `msg:stream:0` and `msg:dlq` */
  constructor(prefix: string, stream: string) {
    this.#base = `${prefix}${stream}`;
    this.dead = `${this.#base}:dlq`;
    this.deadIds = `known:{${this.dead}}`;
    this.control = `control:{${this.#base}:stream}`;
    this.owners = `owners:{${this.#base}:stream}`;
  }

  of(partition: number): PartitionNames {
    this.#partitions[partition] ??= partitionNames(`${this.#base}:stream:${partition}`);
    return this.#partitions[partition];
  }
}

/** Names of what belongs to one partition. */
export interface PartitionNames {
  readonly stream: string;
  /** Hash: epoch, seal, added, opened. */
  readonly layout: string;
  /** Hash: owner, fence, until, the number of the last batch, the lanes that it has parked. */
  readonly lease: string;
  /** Sorted set: lane → when it is due; +inf: held. */
  readonly parked: string;
  /** Hash: lane → what is known of its parking, JSON. */
  readonly parking: string;
  /** Sorted set, all scores 0: `lane\norder\n…`, so that each lane lies together and in its order. */
  readonly waiting: string;
  dedupe(id: string): string;
  /** @param place of the dead letter */
  redriven(place: string): string;
}

function partitionNames(stream: string): PartitionNames {
  const tag = `{${stream}}`;
  return {
    stream,
    layout: `layout:${tag}`,
    lease: `lease:${tag}`,
    parked: `parked:${tag}`,
    parking: `parking:${tag}`,
    waiting: `waiting:${tag}`,
    dedupe: (id) => `dedupe:${tag}:${id}`,
    redriven: (place) => `redriven:${tag}:${place}`,
  };
}
