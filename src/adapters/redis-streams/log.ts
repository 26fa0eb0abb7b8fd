import type {
  Appended,
  Batch,
  Hold,
  PartitionDepth,
  Settlement,
  StreamDraft,
  StreamEntry,
  StreamKey,
  StreamLog,
} from '../../ports/stream.js';
import type { Appender } from './append.js';
import type { Arrivals } from './arrivals.js';
import { isNoGroup } from './connection.js';
import { entryOf, type RawEntry } from './entries.js';
import type { KnownIds } from './known.js';
import { laneOf } from './lane.js';
import type { Layouts } from './layouts.js';
import { GROUP, type Names, type PartitionNames } from './names.js';
import type { Scripts } from './scripts.js';

/** Open entries of a partition that are looked at for one key's sake. */
const LOOKED_AT = 1000;

type ReadAnswer = readonly [batch: number, more: number, nextInMs: number, last: string, ...entries: RawEntry[]];
export type LookAnswer = readonly [length: number, lag: number, pending: number, waiting: number, age: number, left: number];

/** `StreamLog` on Redis: one stream for each partition, one group that reads it under a lease. */
export class RedisStreamLog implements StreamLog {
  readonly #scripts: Scripts;
  readonly #names: Names;
  readonly #layouts: Layouts;
  readonly #appender: Appender;
  readonly #arrivals: Arrivals;
  readonly #known: KnownIds;

  constructor(
    scripts: Scripts,
    names: Names,
    layouts: Layouts,
    parts: { readonly appender: Appender; readonly arrivals: Arrivals; readonly known: KnownIds },
  ) {
    this.#scripts = scripts;
    this.#names = names;
    this.#layouts = layouts;
    this.#appender = parts.appender;
    this.#arrivals = parts.arrivals;
    this.#known = parts.known;
  }

  append(drafts: readonly StreamDraft[]): Promise<readonly Appended[]> {
    return this.#appender.append(drafts);
  }

  async read(hold: Hold, limit: number, settled?: Settlement): Promise<Batch | 'stale'> {
    // Not XREADGROUP with BLOCK: it asks nobody whether the reader still owns the partition, and what a stranger has taken the owner
    // would overtake. So the script asks and reads in one step, and waiting is the business of `arrival`.
    const answer = await this.#turn(hold, limit, settled);
    if (answer === null) return 'stale';
    const { partition } = hold;
    const [number, more, nextInMs, last, ...entries] = answer;
    if (last !== '') this.#arrivals.reached(partition, last);
    return { number, entries: entries.map((raw) => entryOf(raw, partition)), more: more === 1, nextInMs: nextInMs < 0 ? null : nextInMs };
  }

  async settle(hold: Hold, settlement: Settlement): Promise<'applied' | 'stale'> {
    return (await this.#turn(hold, 0, settlement)) === null ? 'stale' : 'applied';
  }

  async spare({ partition, owner, fence }: Hold, entries: readonly string[]): Promise<'applied' | 'stale'> {
    const { stream, lease, parking } = this.#names.of(partition);
    const streamed = entries.filter(isStreamed);
    const lanes = new Set(entries.filter((entry) => !isStreamed(entry)).map((entry) => entry.slice(0, entry.indexOf('\n'))));
    const args = [owner, fence, GROUP, streamed.length, ...streamed, ...lanes];
    return (await this.#scripts.run<number | null>('spare', [stream, lease, parking], args)) === null ? 'stale' : 'applied';
  }

  arrival({ partition }: Hold, maxMs: number, signal: AbortSignal): Promise<void> {
    return this.#arrivals.next(partition, maxMs, signal);
  }

  waits(key: StreamKey): Promise<boolean> {
    return this.#layouts.under(async ({ known }) => {
      const answers = await Promise.all(
        this.#layouts
          .places(key.key, known)
          .map(({ stream, parked, layout }) =>
            this.#scripts.run<number | null>('waits', [stream, parked, layout], [GROUP, laneOf(key), LOOKED_AT, known.epoch]),
          ),
      );
      return answers.includes(null) ? null : answers.includes(1);
    });
  }

  find(tenant: string, id: string): Promise<Pick<StreamEntry, 'key' | 'appendedAt'> | null> {
    return this.#known.find(tenant, id);
  }

  remember(): Promise<void> {
    return this.#known.remember();
  }

  async trim(keep: number): Promise<number> {
    const partitions = this.#layouts.inUse((await this.#layouts.now()).known);
    const counts = await Promise.all(partitions.map(({ stream }) => this.#scripts.run<number>('trim', [stream], [GROUP, keep])));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async depth(): Promise<readonly PartitionDepth[]> {
    // Asked anew: a process that only accepts hears of a change of partitions from nobody.
    const partitions = this.#layouts.inUse((await this.#layouts.learn()).known);
    const looks = await Promise.all(partitions.map((names) => look(this.#scripts, names)));
    return looks.map(([length, lag, pending, parked, oldestMs], partition) => ({ partition, length, lag, pending, parked, oldestMs }));
  }

  /** The owner's script. A group that somebody removed is made again: nothing that waits is lost over it. */
  async #turn({ partition, owner, fence }: Hold, limit: number, settled?: Settlement): Promise<ReadAnswer | null> {
    const names = this.#names.of(partition);
    const keys = [names.stream, names.lease, names.layout, names.parked, names.parking, names.waiting];
    const args = [owner, fence, GROUP, limit, ...(settled === undefined ? [''] : settlementArgs(settled))];
    try {
      return await this.#scripts.run<ReadAnswer | null>('turn', keys, args);
    } catch (error) {
      if (!isNoGroup(error)) throw error;
      const { known } = await this.#layouts.learn();
      await this.#layouts.sealAll(known);
      return this.#scripts.run<ReadAnswer | null>('turn', keys, args);
    }
  }
}

function settlementArgs({ batch, done, parked }: Settlement): (string | number)[] {
  const streamed = done.filter(isStreamed);
  const waited = done.filter((entry) => !isStreamed(entry));
  const args: (string | number)[] = [batch, streamed.length, ...streamed, waited.length];
  for (const entry of waited) args.push(...entry.split('\n'));
  for (const parking of parked) {
    const moved = parking.entries.filter(isStreamed);
    args.push(laneOf(parking), parking.attempts, parking.afterMs ?? -1, JSON.stringify(parking.failure), moved.length, ...moved);
  }
  return args;
}

export function look(scripts: Scripts, { stream, layout, parked, waiting }: PartitionNames): Promise<LookAnswer> {
  return scripts.run<LookAnswer>('look', [stream, layout, parked, waiting], [GROUP]);
}

/** What waits in a lane has a name of two lines. */
function isStreamed(entry: string): boolean {
  return !entry.includes('\n');
}
