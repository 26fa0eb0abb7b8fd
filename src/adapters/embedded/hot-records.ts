import type { RecordKey, WorkRecord } from '../../ports/record.js';
import type { Rows } from './rows.js';

/** A record with what only the store knows of it. */
export interface HotRecord {
  /** Its row. */
  readonly seq: number;
  readonly record: WorkRecord;
  /** The last claim's. */
  readonly claimId: string | null;
  /** What was committed under the present token, as ' seq:version seq:version'. */
  readonly commits: string;
}

/** Enough, twice, for what the workers hold and what comes to them next. */
const GENERATION = 8192;
/** Characters of JSON; the contents of larger ones are read when they are needed, so that memory stays bounded. */
const LARGEST = 2048;

/**
 * The records that were accepted or claimed lately, as the file has them. This process alone writes the file, so what it
 * wrote last is what is there: a claim and the commits after it need not read again. Whoever changes a record's row puts
 * its new state here; when anything is rolled back, all of it is dropped.
 */
export class HotRecords {
  readonly #rows: Rows;
  /** Two generations: dropping a whole one is cheaper than finding the oldest record of one map. */
  #young = new Map<string, HotRecord>();
  #old = new Map<string, HotRecord>();

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  /** The record as the file has it, writes of the present transaction included. */
  find(key: RecordKey): HotRecord | undefined {
    const name = nameOf(key);
    return this.#young.get(name) ?? this.#old.get(name) ?? this.#read(key);
  }

  /** A record that was accepted just now; `size` is of its contents, in characters of JSON. */
  add(hot: HotRecord, size: number): void {
    if (size > LARGEST || hot.record.dueAt === null) return;
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(nameOf(hot.record), hot);
  }

  /** The new state of a record; at rest it is needed no more. */
  put(hot: HotRecord): void {
    const name = nameOf(hot.record);
    for (const generation of [this.#young, this.#old]) {
      if (hot.record.dueAt === null) generation.delete(name);
      else if (generation.has(name)) generation.set(name, hot);
    }
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  #read(key: RecordKey): HotRecord | undefined {
    const row = this.#rows.find(key.tenant, key.id);
    if (row === undefined) return undefined;
    const hot: HotRecord = { seq: row.seq, record: this.#rows.toRecord(row), claimId: row.claim_id, commits: row.commits };
    this.add(hot, row.body.length);
    return hot;
  }
}

function nameOf(key: RecordKey): string {
  return `${key.tenant}\n${key.id}`;
}
