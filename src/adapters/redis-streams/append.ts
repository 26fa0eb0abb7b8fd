import { orderText, partitionOf } from '../../ports/partition.js';
import type { Appended, StreamDraft } from '../../ports/stream.js';
import { laneOf } from './lane.js';
import type { Known, Layouts } from './layouts.js';
import type { Names } from './names.js';
import type { Scripts } from './scripts.js';

/** Entries of one call of the script: Lua's stack holds no more than a few thousand values, and nobody should wait for long. */
const MOST = 500;

interface Waiting {
  readonly draft: StreamDraft;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

const OUTCOMES = { '+': 'created', '=': 'repeat', '!': 'conflict' } as const;

/** Gathers what is appended in a turn of the event loop into one call of the script for each partition, all sent together. */
export class Appender {
  readonly #scripts: Scripts;
  readonly #names: Names;
  readonly #layouts: Layouts;
  readonly #rememberMs: number;
  #waiting: Waiting[] = [];

  constructor(scripts: Scripts, names: Names, layouts: Layouts, rememberMs: number) {
    this.#scripts = scripts;
    this.#names = names;
    this.#layouts = layouts;
    this.#rememberMs = rememberMs;
  }

  append(drafts: readonly StreamDraft[]): Promise<readonly Appended[]> {
    return Promise.all(
      drafts.map(
        (draft) =>
          new Promise<Appended>((resolve, reject) => {
            this.#waiting.push({ draft, resolve, reject });
            if (this.#waiting.length === 1) setImmediate(() => this.#flush());
          }),
      ),
    );
  }

  #flush(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    const fail =
      (those: readonly Waiting[]) =>
      (error: unknown): void => {
        for (const { reject } of those) reject(error);
      };
    this.#layouts
      .now()
      .then(({ known }) => {
        for (const group of byPartition(batch, known).values()) {
          for (let from = 0; from < group.length; from += MOST) {
            const some = group.slice(from, from + MOST);
            this.#place(some).catch(fail(some));
          }
        }
      })
      .catch(fail(batch));
  }

  /** Those of one partition; they may be of several when the partitions have changed meanwhile. */
  async #place(some: readonly Waiting[]): Promise<void> {
    let left = some;
    await this.#layouts.under(async ({ known, recalls }) => {
      if (recalls()) left = await this.#recall(left, known);
      const groups = [...byPartition(left, known)];
      const refused = await Promise.all(groups.map(([partition, group]) => this.#call(partition, group, known.epoch)));
      left = refused.flat();
      return left.length === 0 ? true : null;
    });
  }

  /** Gives those that are not placed, because the partition is in another epoch. */
  async #call(partition: number, group: readonly Waiting[], epoch: number): Promise<readonly Waiting[]> {
    const names = this.#names.of(partition);
    const keys = [names.stream, names.layout];
    const args: (string | number)[] = [epoch, this.#rememberMs];
    for (const { draft } of group) {
      keys.push(names.dedupe(draft.id));
      args.push(laneOf(draft), draft.id, draft.fingerprint, draft.body);
    }
    const answers = await this.#scripts.run<string[] | null>('append', keys, args);
    if (answers === null) return group;
    for (const [n, { resolve }] of group.entries()) resolve(read(answers[n] ?? '', partition));
    return [];
  }

  /** Answers from what partitions remember that keys have left: for a while after a change an id may be known only there. */
  async #recall(those: readonly Waiting[], { from, partitions }: Known): Promise<readonly Waiting[]> {
    const { client } = this.#scripts;
    const found = await Promise.all(
      those.map(async ({ draft: { key, id, fingerprint }, resolve }): Promise<boolean> => {
        const before = partitionOf(key, from);
        if (before === partitionOf(key, partitions)) return false;
        const known = await this.#scripts.ask(() => client.get(this.#names.of(before).dedupe(id)));
        if (known === null) return false;
        const [order = '', print] = /^(\S+ \S+) (.*)$/s.exec(known)?.slice(1) ?? [];
        resolve(read((print === fingerprint ? '=' : '!') + order, before));
        return true;
      }),
    );
    return those.filter((_, n) => found[n] === false);
  }
}

function byPartition(batch: readonly Waiting[], { partitions }: Known): Map<number, Waiting[]> {
  const groups = new Map<number, Waiting[]>();
  for (const one of batch) {
    const partition = partitionOf(one.draft.key, partitions);
    const group = groups.get(partition);
    if (group === undefined) groups.set(partition, [one]);
    else group.push(one);
  }
  return groups;
}

function read(answer: string, partition: number): Appended {
  const outcome = OUTCOMES[answer[0] as keyof typeof OUTCOMES];
  const [epoch = '', entry = ''] = answer.slice(1).split(' ');
  return { outcome, partition, order: orderOf(epoch, entry), appendedAt: appendedAt(entry) };
}

/** The order key of an entry of a stream. */
export function orderOf(epoch: string, entry: string): string {
  const dash = entry.indexOf('-');
  return orderText(Number(epoch), entry.slice(0, dash), entry.slice(dash + 1));
}

/** When the server put an entry into its stream. */
export function appendedAt(entry: string): number {
  return Number(entry.slice(0, entry.indexOf('-')));
}
