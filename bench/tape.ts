import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type * as Sqlite from '../src/adapters/embedded/sqlite.js';
import type { Database, Statement, Value } from '../src/adapters/embedded/sqlite.js';
import { built } from './built.js';

/**
 * The tape: every statement with its values, transaction by transaction, as our own adapter gave them to SQLite. Played
 * back through bare prepared statements it is the floor: the same rows in the same commits, and nothing else. A floor
 * written by hand would drift away from the adapter's tables unnoticed.
 */

/** Which statement (its place in {@link Tape.sql}), how it was called, and with what. */
type Step = readonly [statement: number, method: 'run' | 'get' | 'all', values: readonly Value[]];

export interface Tape {
  readonly sql: readonly string[];
  readonly transactions: readonly (readonly Step[])[];
}

/** Counts commits, and records the transactions where it is asked to. */
export interface Listener {
  commits: number;
  /** The connection that was used last. */
  database: Database | undefined;
  readonly tape: { readonly sql: string[]; readonly transactions: Step[][] } | null;
}

type DatabaseClass = Awaited<ReturnType<typeof Sqlite.loadSqlite>>['DatabaseSync'];
type Prepare = (this: Database, sql: string) => Statement;

/**
 * Listens in on every database that this process opens from here on. Without a tape only the statement COMMIT is
 * wrapped, so that measured work runs through the library's own methods.
 */
export async function listenIn(record: boolean): Promise<Listener> {
  const { loadSqlite } = await built<typeof Sqlite>('adapters/embedded/sqlite.js');
  const { DatabaseSync } = await loadSqlite();
  const plain = DatabaseSync.prototype as Database;
  const prepare: Prepare = plain.prepare;
  const listener: Listener = { commits: 0, database: undefined, tape: record ? { sql: [], transactions: [] } : null };
  let open: Step[] | null = null;

  const onCommit = (): void => {
    listener.commits += 1;
    if (open !== null) listener.tape?.transactions.push(open);
    open = null;
  };
  interpose(DatabaseSync, function (sql) {
    const statement = prepare.call(this, sql);
    listener.database = this;
    if (sql === 'COMMIT') wrap(statement, 'run', onCommit);
    else if (listener.tape !== null && sql.startsWith('BEGIN')) wrap(statement, 'run', () => (open = []));
    else if (listener.tape !== null) {
      const place = listener.tape.sql.push(sql) - 1;
      for (const method of ['run', 'get', 'all'] as const) wrap(statement, method, (values) => open?.push([place, method, values]));
    }
    return statement;
  });
  return listener;
}

/** The library's own `prepare` may be neither writable nor configurable; its class's prototype then is replaced. */
function interpose(DatabaseSync: DatabaseClass, prepare: Prepare): void {
  const plain = DatabaseSync.prototype as object;
  const property = { value: prepare, configurable: true, writable: true };
  if (Object.getOwnPropertyDescriptor(plain, 'prepare')?.configurable === true) Object.defineProperty(plain, 'prepare', property);
  else Object.assign(DatabaseSync, { prototype: Object.create(plain, { prepare: property }) });
}

function wrap(statement: Statement, method: 'run' | 'get' | 'all', told: (values: readonly Value[]) => void): void {
  const plain = statement[method].bind(statement) as (...values: Value[]) => unknown;
  const value = (...values: Value[]): unknown => {
    told(values);
    return plain(...values);
  };
  Object.defineProperty(statement, method, { value, configurable: true });
}

/** One JSON text a line: the statements, then a line for each transaction. */
export async function writeTape(tape: Tape, path: string): Promise<void> {
  const out = createWriteStream(path);
  for (const line of [tape.sql, ...tape.transactions]) if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, 'drain');
  out.end();
  await once(out, 'finish');
}

export async function readTape(path: string): Promise<Tape> {
  let sql: readonly string[] | null = null;
  const transactions: (readonly Step[])[] = [];
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (sql === null) sql = JSON.parse(line) as string[];
    else transactions.push(JSON.parse(line) as Step[]);
  }
  return { sql: sql ?? [], transactions };
}

const WRITES = /^\s*(INSERT|UPDATE|DELETE)\b/i;

/**
 * What of a tape is played back.
 * - `writes`: the statements that write, and of them nothing is read back. The least that leaves the same rows.
 * - `all`: every statement as it was called.
 */
export type Playback = 'writes' | 'all';

/** Plays the tape on an open database; the transactions are prepared as whole lists before the clock runs. */
export function player(database: Database, tape: Tape, playback: Playback): () => void {
  const texts = tape.sql.map((sql) => (playback === 'writes' ? sql.replace(/\sRETURNING\s[\s\S]*$/i, '') : sql));
  const statements = texts.map((sql) => database.prepare(sql));
  const kept = (step: Step): boolean => playback === 'all' || WRITES.test(tape.sql[step[0]] ?? '');
  const transactions = tape.transactions.map((steps) =>
    steps.filter(kept).map(([place, method, values]) => ({
      statement: statements[place] as Statement,
      method: playback === 'writes' ? ('run' as const) : method,
      values: values as Value[],
    })),
  );
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  return () => {
    for (const steps of transactions) {
      begin.run();
      for (const { statement, method, values } of steps) statement[method](...values);
      commit.run();
    }
  };
}
