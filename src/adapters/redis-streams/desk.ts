import { orderText } from '../../ports/partition.js';
import type { Failure } from '../../ports/record.js';
import type { DeadEntry, DeadQuery, ParkedKey, StreamDesk, StreamEntry, StreamKey } from '../../ports/stream.js';
import { fieldsOf } from './entries.js';
import { keyOf, laneOf } from './lane.js';
import type { Known, Layouts } from './layouts.js';
import { DEAD_GROUP, type Names, type PartitionNames } from './names.js';
import type { Scripts } from './scripts.js';

/** For so long it is known that a dead letter was brought back, should whoever did it have died before it was taken off. */
const BROUGHT_BACK_MS = 24 * 3_600_000;
/** Entries read in one go while looking for those of one tenant. */
const PAGE = 200;
/** Parked lanes of one partition that are looked at. */
const LANES = '1000';

/** What the script says of a key that was to be held and is not. */
const HELD_NOWHERE = -1;

type Kept = Omit<DeadEntry, 'place' | 'deadAt'>;
type RawDead = [entry: string, fields: string[]];

/** `StreamDesk` on Redis: the stream of the dead, and the lanes of every partition. */
export class RedisStreamDesk implements StreamDesk {
  readonly #scripts: Scripts;
  readonly #names: Names;
  readonly #layouts: Layouts;
  readonly #rememberMs: number;

  /** @param rememberMs for which the id of what is brought back is remembered, where it is not any more */
  constructor(scripts: Scripts, names: Names, layouts: Layouts, rememberMs: number) {
    this.#scripts = scripts;
    this.#names = names;
    this.#layouts = layouts;
    this.#rememberMs = rememberMs;
  }

  async bury(dead: readonly { readonly entry: StreamEntry; readonly failure: Failure }[]): Promise<void> {
    if (dead.length === 0) return;
    const args = dead.flatMap(({ entry: { entry: _, ...rest }, failure }) => [
      rest.id,
      rest.order,
      JSON.stringify({ ...rest, failure } satisfies Kept),
    ]);
    await this.#scripts.run('bury', this.#deadKeys(), [DEAD_GROUP, ...args]);
  }

  async dead({ tenant, limit, key, before }: DeadQuery): Promise<readonly DeadEntry[]> {
    const found: DeadEntry[] = [];
    let end = before === undefined ? '+' : `(${entryOfPlace(before)}`;
    for (;;) {
      const page = await this.#range(end, '-', PAGE);
      for (const raw of page) {
        const dead = readDead(raw);
        if (dead.tenant === tenant && (key === undefined || dead.key === key)) found.push(dead);
        if (found.length === limit) return found;
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return found;
      end = `(${last[0]}`;
    }
  }

  async get(tenant: string, id: string): Promise<DeadEntry | null> {
    const { client } = this.#scripts;
    const known = await this.#scripts.ask(() => client.hget(this.#names.deadIds, id));
    const [, entry] = /^\S+@(\S+)/.exec(known ?? '') ?? [];
    const [raw] = entry === undefined ? [] : await this.#range(entry, entry, 1);
    const dead = raw === undefined ? null : readDead(raw);
    return dead?.tenant === tenant ? dead : null;
  }

  async redrive(tenant: string, id: string): Promise<boolean> {
    const dead = await this.get(tenant, id);
    if (dead === null) return false;
    // First back, then off the list: whoever repeats it after a crash between the two finds that it is back already. Should it die
    // again in between, it is on the list as another one.
    const brought = await this.#layouts.under(({ known }) => this.#bringBack(dead, known));
    return (await this.#remove(dead)) || brought === 1;
  }

  async discard(tenant: string, id: string): Promise<boolean> {
    const dead = await this.get(tenant, id);
    return dead !== null && this.#remove(dead);
  }

  async parked(tenant: string, limit: number): Promise<readonly ParkedKey[]> {
    const { known } = await this.#layouts.now();
    const [now] = await this.#layouts.beat('', 0);
    const found: ParkedKey[] = [];
    for (const [partition, names] of this.#layouts.inUse(known).entries()) {
      const scored = await this.#scripts.ask(() => this.#scripts.client.zrange(names.parked, 0, LANES, 'WITHSCORES'));
      for (let n = 0; n < scored.length && found.length < limit; n += 2) {
        const [lane = '', due = ''] = scored.slice(n, n + 2);
        if (keyOf(lane).tenant !== tenant) continue;
        const parked = await this.#parkedKey(lane, names);
        if (parked !== null) found.push({ ...parked, partition, dueInMs: due === 'inf' ? null : Math.max(0, Number(due) - now) });
      }
    }
    return found;
  }

  async release(key: StreamKey): Promise<boolean> {
    const { known } = await this.#layouts.learn();
    // One that is held stays where it was until keys have moved.
    const released = await Promise.all(
      this.#layouts
        .places(key.key, known)
        .map(({ parked, parking, waiting }) => this.#scripts.run<number>('releaseLane', [parked, parking, waiting], [laneOf(key)])),
    );
    return released.includes(1);
  }

  /** Where its key is held, there; else in its partition. Null: the epoch was another. */
  async #bringBack(dead: DeadEntry, known: Known): Promise<number | null> {
    const about = [laneOf(dead), dead.id, dead.fingerprint, dead.order, dead.appendedAt, dead.body];
    const call = ({ stream, layout, parked, parking, waiting, redriven, dedupe }: PartitionNames, only: 'held' | '') => {
      const keys = [stream, layout, parked, parking, waiting, redriven(dead.place), dedupe(dead.id)];
      return this.#scripts.run<number | null>('bringBack', keys, [known.epoch, BROUGHT_BACK_MS, ...about, this.#rememberMs, only]);
    };
    const [there, before] = this.#layouts.places(dead.key, known);
    const held = before === undefined ? HELD_NOWHERE : await call(before, 'held');
    return held === HELD_NOWHERE && there !== undefined ? call(there, '') : held;
  }

  async #parkedKey(lane: string, { parking, waiting }: PartitionNames): Promise<Omit<ParkedKey, 'partition' | 'dueInMs'> | null> {
    const { client } = this.#scripts;
    const [text, count] = await Promise.all([
      this.#scripts.ask(() => client.hget(parking, lane)),
      this.#scripts.ask(() => client.zlexcount(waiting, `[${lane}\n`, `(${lane}\v`)),
    ]);
    if (text === null) return null;
    const { attempts, failure } = JSON.parse(text) as { attempts: number; failure: string };
    return { ...keyOf(lane), waiting: count, attempts, failure: JSON.parse(failure) as Failure };
  }

  async #remove({ id, place }: DeadEntry): Promise<boolean> {
    return (await this.#scripts.run<number>('removeDead', this.#deadKeys(), [DEAD_GROUP, id, entryOfPlace(place)])) === 1;
  }

  #range(end: string, start: string, count: number): Promise<RawDead[]> {
    return this.#scripts.ask(() => this.#scripts.client.xrevrange(this.#names.dead, end, start, 'COUNT', count)) as Promise<RawDead[]>;
  }

  #deadKeys(): string[] {
    return [this.#names.dead, this.#names.deadIds];
  }
}

function readDead([entry, fields]: RawDead): DeadEntry {
  const kept = JSON.parse(fieldsOf(fields).get('entry') ?? '{}') as Kept;
  const [major = '', minor = ''] = entry.split('-');
  return { ...kept, place: orderText(0, major, minor), deadAt: Number(major) };
}

/** The other way: the place without what makes it compare as text. */
function entryOfPlace(place: string): string {
  const [, major, minor] = place.split('-');
  return `${Number(major)}-${Number(minor)}`;
}
