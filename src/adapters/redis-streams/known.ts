import type { Clock } from '../../ports/clock.js';
import type { StreamEntry } from '../../ports/stream.js';
import { orderOf } from './append.js';
import { waitingOf } from './entries.js';
import { keyOf } from './lane.js';
import type { Layouts } from './layouts.js';
import { GROUP, type PartitionNames } from './names.js';
import type { Scripts } from './scripts.js';

/** Open entries that are looked at for an id that is known under another entry. */
const LOOKED_AT = 1000;
/** Of what waits in lanes, looked at in one go. */
const SCANNED = 1000;
/** Entries and lines of one call of the script: about two milliseconds of the server. */
const PAGE = 500;
/** Ids older than this share of the time for which they are remembered are remembered anew, as often. */
const SHARE = 1 / 4;

type Found = Pick<StreamEntry, 'key' | 'appendedAt'>;

/** What the stream knows by id: for a while all that was appended, and what is not settled for as long as that lasts. */
export class KnownIds {
  readonly #scripts: Scripts;
  readonly #layouts: Layouts;
  readonly #clock: Clock;
  readonly #rememberMs: number;
  #nextAt = 0;

  constructor(scripts: Scripts, layouts: Layouts, clock: Clock, rememberMs: number) {
    this.#scripts = scripts;
    this.#layouts = layouts;
    this.#clock = clock;
    this.#rememberMs = rememberMs;
  }

  async find(tenant: string, id: string): Promise<Found | null> {
    const { client } = this.#scripts;
    const partitions = this.#layouts.inUse((await this.#layouts.learn()).known);
    // Whoever asks knows no key, so every partition is asked whether it remembers the id: one round trip for all of them.
    const marks = await Promise.all(partitions.map((names) => this.#scripts.ask(() => client.get(names.dedupe(id)))));
    for (const [n, names] of partitions.entries()) {
      const [epoch = '', entry = ''] = marks[n]?.split(' ') ?? [];
      if (entry === '') continue;
      const args = [GROUP, entry, orderOf(epoch, entry), id, LOOKED_AT];
      const about = await this.#scripts.run<[lane: string, at: string] | null>('find', [names.stream, names.waiting], args);
      const found = about === null ? await this.#inLine(names, id) : { ...keyOf(about[0]), appendedAt: Number(about[1]) };
      if (found?.tenant === tenant) return { key: found.key, appendedAt: found.appendedAt };
    }
    return null;
  }

  /** See `StreamLog.remember`. Does nothing as long as no id can have come near its end. */
  async remember(): Promise<void> {
    const now = this.#clock.monotonic();
    if (now < this.#nextAt) return;
    const { known } = await this.#layouts.now();
    const [time] = await this.#layouts.beat('', 0);
    const until = `${Math.floor(time - this.#rememberMs * SHARE)}`;
    for (const names of this.#layouts.inUse(known)) await this.#rememberIn(names, until);
    this.#nextAt = now + this.#rememberMs * SHARE;
  }

  async #rememberIn({ stream, waiting, dedupe }: PartitionNames, until: string): Promise<void> {
    let [entries, lines] = ['', '-'];
    while (entries !== '-' || lines !== '') {
      const args = [GROUP, this.#rememberMs, dedupe(''), entries, until, lines, PAGE];
      [entries, lines] = await this.#scripts.run<[string, string]>('remember', [stream, waiting], args);
    }
  }

  /** Of what waits in lanes: its entry may be trimmed long since. Only asked of a partition that knows the id. */
  async #inLine({ waiting }: PartitionNames, id: string): Promise<Pick<StreamEntry, 'tenant' | 'key' | 'appendedAt'> | null> {
    const { client } = this.#scripts;
    let cursor = '0';
    do {
      const [next, members] = await this.#scripts.ask(() => client.zscan(waiting, cursor, 'MATCH', `*\n${id}\n*`, 'COUNT', SCANNED));
      // Members and scores take turns.
      for (let n = 0; n < members.length; n += 2) {
        const waits = waitingOf(members[n] ?? '');
        if (waits.id === id) return waits;
      }
      cursor = next;
    } while (cursor !== '0');
    return null;
  }
}
