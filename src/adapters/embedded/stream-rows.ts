import { orderText } from '../../ports/partition.js';
import type { Failure } from '../../ports/record.js';
import type { StreamEntry, StreamKey } from '../../ports/stream.js';
import type { Database, Statement } from './sqlite.js';

/** States of an entry. */
export const STATE = { fresh: 0, out: 1, settled: 2, parked: 3 } as const;

export interface EntryRow {
  readonly seq: number;
  readonly partition: number;
  readonly epoch: number;
  readonly state: number;
  readonly deliveries: number;
  readonly tenant: string;
  readonly key: string;
  readonly id: string;
  readonly fingerprint: string;
  readonly ord: string | null;
  readonly appended_at: number;
  readonly body: string;
}

export interface ParkedRow {
  readonly tenant: string;
  readonly key: string;
  readonly partition: number;
  readonly due_at: number | null;
  readonly attempts: number;
  readonly deliveries: number;
  readonly failure: string;
}

export interface LayoutRow {
  readonly epoch: number;
  readonly partitions: number;
  readonly previous: number;
  readonly opened: number;
  readonly paused: number;
}

/** What several parts of the stream do to its rows, within the transaction of whoever asks. */
export class StreamRows {
  readonly #layout: Statement;
  readonly #insert: Statement;
  readonly #entry: Statement;
  readonly #state: Statement;
  readonly #parked: Statement;
  readonly #park: Statement;
  readonly #unpark: Statement;
  readonly #line: Statement;

  constructor(database: Database) {
    this.#layout = database.prepare('SELECT * FROM stream_layout');
    this.#insert = database.prepare(
      `INSERT INTO stream_entries (partition, epoch, state, tenant, key, id, fingerprint, ord, appended_at, body)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#entry = database.prepare('SELECT * FROM stream_entries WHERE seq = ?');
    this.#state = database.prepare('UPDATE stream_entries SET state = ?, deliveries = ?, ord = ? WHERE seq = ?');
    this.#parked = database.prepare('SELECT * FROM stream_parked WHERE tenant = ? AND key = ?');
    this.#park = database.prepare(
      `INSERT INTO stream_parked (tenant, key, partition, due_at, attempts, deliveries, failure) VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (tenant, key) DO UPDATE SET partition = excluded.partition, due_at = excluded.due_at,
          attempts = excluded.attempts, deliveries = excluded.deliveries, failure = excluded.failure`,
    );
    this.#unpark = database.prepare('DELETE FROM stream_parked WHERE tenant = ? AND key = ?');
    this.#line = database.prepare('SELECT * FROM stream_entries WHERE state = 3 AND tenant = ? AND key = ? ORDER BY ord LIMIT ?');
  }

  /** Null: the stream has not been made yet. */
  layout(): LayoutRow | null {
    return (this.#layout.get() as LayoutRow | undefined) ?? null;
  }

  /** Gives its number. */
  insert(row: Omit<EntryRow, 'seq' | 'deliveries'>): number {
    const { partition, epoch, state, tenant, key, id, fingerprint, ord, appended_at: at, body } = row;
    return Number(this.#insert.run(partition, epoch, state, tenant, key, id, fingerprint, ord, at, body).lastInsertRowid);
  }

  entry(seq: number): EntryRow | null {
    return (this.#entry.get(seq) as EntryRow | undefined) ?? null;
  }

  setState(row: EntryRow, state: number, deliveries = row.deliveries): void {
    this.#state.run(state, deliveries, state === STATE.parked ? orderOf(row) : row.ord, row.seq);
  }

  parked({ tenant, key }: StreamKey): ParkedRow | null {
    return (this.#parked.get(tenant, key) as ParkedRow | undefined) ?? null;
  }

  park({ tenant, key, partition, due_at: due, attempts, deliveries, failure }: ParkedRow): void {
    this.#park.run(tenant, key, partition, due, attempts, deliveries, failure);
  }

  unpark({ tenant, key }: StreamKey): void {
    this.#unpark.run(tenant, key);
  }

  /** What waits in a key's line, in order. */
  line({ tenant, key }: StreamKey, limit: number): EntryRow[] {
    return this.#line.all(tenant, key, limit) as EntryRow[];
  }

  /** A key that may go on does so now, with no attempts of its next entry; where nothing is in its line it is parked no longer. */
  goOn(parked: ParkedRow, now: number): void {
    if (this.line(parked, 1).length === 0) this.unpark(parked);
    else this.park({ ...parked, due_at: now, attempts: 0, deliveries: 0 });
  }
}

export function orderOf({ ord, epoch, seq }: Pick<EntryRow, 'ord' | 'epoch' | 'seq'>): string {
  return ord ?? orderText(epoch, seq);
}

export function toEntry(row: EntryRow, deliveries: number, attempts: number): StreamEntry {
  const { seq, partition, tenant, key, id, fingerprint, appended_at: appendedAt, body } = row;
  return { tenant, key, id, fingerprint, body, entry: String(seq), partition, order: orderOf(row), appendedAt, deliveries, attempts };
}

export function failureOf({ failure }: ParkedRow): Failure {
  return JSON.parse(failure) as Failure;
}
