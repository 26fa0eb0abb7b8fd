import type { WakeUp } from '../../ports/queue.js';
import type { Priority } from '../../ports/record.js';
import type { GroupCommit } from './group-commit.js';
import type { Database, Statement } from './sqlite.js';

/** Waiting wake-ups held in memory per lane; beyond this they wait in the file alone. */
const WINDOW = 10_000;

/** A wake-up's row, as held in memory. */
export interface Entry extends WakeUp {
  readonly seq: number;
  redeliveries: number;
  /** Published once more while it was taken: settling it must not forget it. */
  again: boolean;
}

/**
 * The waiting wake-ups of one priority, oldest first. Memory holds a window of them; rows with a higher number than any
 * that was ever in the window are read when the window is empty.
 */
export class Lane {
  readonly #group: GroupCommit;
  readonly #priority: Priority;
  readonly #refill: Statement;
  #entries: Entry[] = [];
  #head = 0;
  /** Rows up to this number are in the window, taken, or settled. */
  #cursor = 0;
  /** There may be rows beyond the cursor. */
  #more: boolean;

  constructor(database: Database, group: GroupCommit, priority: Priority, more: boolean) {
    this.#group = group;
    this.#priority = priority;
    this.#more = more;
    this.#refill = database.prepare('SELECT seq, tenant, id, workload FROM wake_ups WHERE seq > ? AND urgent = ? ORDER BY seq LIMIT ?');
  }

  /** A row that was written just now: in the order of their numbers. */
  add(entry: Entry): void {
    if (this.#more || this.#entries.length - this.#head >= WINDOW) {
      this.#more = true;
      return;
    }
    this.#entries.push(entry);
    this.#cursor = entry.seq;
  }

  /** A row that had left the window. */
  giveBack(entry: Entry): void {
    this.#entries.push(entry);
  }

  shift(): Entry | undefined {
    if (this.#head === this.#entries.length) this.#read();
    const entry = this.#entries[this.#head];
    if (entry === undefined) return undefined;
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return entry;
  }

  #read(): void {
    this.#entries = [];
    this.#head = 0;
    if (!this.#more) return;
    const rows = this.#group.readNow(() => this.#refill.all(this.#cursor, this.#priority === 'urgent' ? 1 : 0, WINDOW)) as Omit<
      Entry,
      'priority' | 'redeliveries' | 'again'
    >[];
    for (const row of rows) this.#entries.push({ ...row, priority: this.#priority, redeliveries: 0, again: false });
    this.#cursor = rows.at(-1)?.seq ?? this.#cursor;
    this.#more = rows.length === WINDOW;
  }
}
