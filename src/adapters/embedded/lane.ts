import type { WakeUp } from '../../ports/queue.js';
import type { Priority } from '../../ports/record.js';
import type { GroupCommit } from './group-commit.js';
import type { Database, Statement } from './sqlite.js';

/** Waiting wake-ups held in memory per lane; beyond this they wait in the file alone. */
const WINDOW = 10_000;
/** Read of one user's at a time. */
const READ_AT_MOST = 500;

/** A wake-up's row, as held in memory. */
export interface Entry extends WakeUp {
  readonly seq: number;
  /** Whose turns it uses: a user's of a tenant; just the tenant's where it is nobody's. */
  readonly whose: string;
  redeliveries: number;
  /** Published once more while it was taken: settling it must not forget it. */
  again: boolean;
}

/** What waits for one user of one tenant, oldest first. */
interface Line {
  readonly whose: string;
  readonly tenant: string;
  readonly userId: string | null;
  entries: Entry[];
  head: number;
  /** Of this user's rows, those up to this number are in memory, taken, or settled. */
  cursor: number;
  /** There may be rows beyond the cursor. */
  more: boolean;
  /** The line whose turn is next. */
  next: Line | undefined;
}

/**
 * The waiting wake-ups of one priority, handed out in turns: one for each user who has something waiting, then round
 * again. So a flood waits behind itself and not before everybody else.
 *
 * Memory holds a window of wake-ups, and a line for each user who has any; the rest is in the file, where each user's
 * are found by an index. A line whose turn comes while it is empty in memory reads its own rows, so turns are fair
 * however much is left in the file. The lines are as many as there are waiting users; the backlog's limit bounds them.
 */
export class Lane {
  readonly #group: GroupCommit;
  readonly #priority: Priority;
  readonly #rowsOf: Statement;
  readonly #lines = new Map<string, Line>();
  #first: Line | undefined;
  #last: Line | undefined;
  #held = 0;

  constructor(database: Database, group: GroupCommit, priority: Priority, more: boolean) {
    this.#group = group;
    this.#priority = priority;
    this.#rowsOf = database.prepare(
      `SELECT seq, id, workload FROM wake_ups WHERE urgent = ? AND tenant = ? AND user_id IS ? AND seq > ? ORDER BY seq LIMIT ?`,
    );
    if (!more) return;
    const users = database.prepare(
      'SELECT tenant, user_id AS userId FROM wake_ups WHERE urgent = ? GROUP BY tenant, user_id ORDER BY min(seq)',
    );
    for (const user of users.all(this.#urgent)) {
      const { tenant, userId } = user as Pick<Line, 'tenant' | 'userId'>;
      this.#lineOf({ tenant, userId, whose: whoseIs(tenant, userId) }).more = true;
    }
  }

  /** A row that was written just now: in the order of their numbers. */
  add(entry: Entry): void {
    const line = this.#lineOf(entry);
    if (line.more) return;
    if (this.#held < WINDOW) {
      line.cursor = entry.seq;
      this.#hold(line, entry);
      return;
    }
    // All of this user's earlier rows are in memory or gone.
    line.cursor = entry.seq - 1;
    line.more = true;
  }

  /** A row that had left the window. */
  giveBack(entry: Entry): void {
    this.#hold(this.#lineOf(entry), entry);
  }

  /** The next in turn of those who may have one now. */
  shift(may: (line: { readonly whose: string; readonly userId: string | null }) => boolean): Entry | undefined {
    let refused: Line | undefined;
    for (let line = this.#first; line !== undefined && line !== refused; line = this.#first) {
      if (line.head === line.entries.length && line.more) this.#read(line);
      const entry = line.entries[line.head];
      this.#unlink(line);
      if (entry === undefined) {
        this.#lines.delete(line.whose);
      } else if (may(line)) {
        this.#leave(line);
        return entry;
      } else {
        refused ??= line;
        this.#link(line);
      }
    }
    return undefined;
  }

  get #urgent(): number {
    return this.#priority === 'urgent' ? 1 : 0;
  }

  /** Its first is handed out; what is left stands behind all others. */
  #leave(line: Line): void {
    this.#held -= 1;
    line.head += 1;
    if (line.head === line.entries.length && !line.more) this.#lines.delete(line.whose);
    else this.#link(line);
    if (line.head >= READ_AT_MOST) {
      line.entries = line.entries.slice(line.head);
      line.head = 0;
    }
  }

  #hold(line: Line, entry: Entry): void {
    line.entries.push(entry);
    this.#held += 1;
  }

  /** Their line; a new one stands behind all others. */
  #lineOf({ tenant, userId, whose }: Pick<Line, 'tenant' | 'userId' | 'whose'>): Line {
    let line = this.#lines.get(whose);
    if (line === undefined) {
      line = { whose, tenant, userId, entries: [], head: 0, cursor: 0, more: false, next: undefined };
      this.#lines.set(whose, line);
      this.#link(line);
    }
    return line;
  }

  #link(line: Line): void {
    line.next = undefined;
    if (this.#last === undefined) this.#first = line;
    else this.#last.next = line;
    this.#last = line;
  }

  /** Only ever the first. */
  #unlink(line: Line): void {
    this.#first = line.next;
    if (this.#first === undefined) this.#last = undefined;
  }

  #read(line: Line): void {
    const limit = Math.max(1, Math.min(READ_AT_MOST, WINDOW - this.#held));
    const { tenant, userId, whose, cursor } = line;
    const rows = this.#group.readNow(() => this.#rowsOf.all(this.#urgent, tenant, userId, cursor, limit)) as Pick<
      Entry,
      'seq' | 'id' | 'workload'
    >[];
    line.entries = rows.map((row) => ({ ...row, tenant, userId, whose, priority: this.#priority, redeliveries: 0, again: false }));
    line.head = 0;
    line.cursor = rows.at(-1)?.seq ?? cursor;
    line.more = rows.length === limit;
    this.#held += rows.length;
  }
}

/** A tenant's name has no line break in it: no two share one. */
export function whoseIs(tenant: string, userId: string | null): string {
  return userId === null ? tenant : `${tenant}\n${userId}`;
}
