import { accessSync, closeSync, constants, mkdirSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { types } from 'node:util';
import { SignalboxError } from '../../errors.js';
import { APPLICATION_ID, migrate, SCHEMA_VERSION } from './schema.js';
import { type Database, loadSqlite, resultCode } from './sqlite.js';

export const FILE_NAME = 'signalbox.db';

/** The WAL is copied into the file when it holds this many pages (16 MiB): rarely enough to cost little, small enough to be short. */
const CHECKPOINT_PAGES = 4000;
/** Tries for the lock: a process that is killed, or starts at the same moment, may hold it a little longer. */
const LOCK_TRIES = 5;
const LOCK_PAUSE_MS = 20;

const CORRUPT = 11;
const NOT_A_DATABASE = 26;
const BUSY = 5;

/**
 * Files open in this process. POSIX locks belong to the process and fall when *any* descriptor of the file is closed,
 * so a file that is open here must not even be looked at.
 */
const open = new Set<string>();

/** The data file, open and locked. */
export class OpenFile {
  readonly path: string;
  readonly database: Database;
  #closed = false;

  constructor(path: string, database: Database) {
    this.path = path;
    this.database = database;
  }

  /** Empties the log into the file and gives the lock back. Twice is fine. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    letGo(this.database, 'PRAGMA journal_mode = DELETE');
    open.delete(this.path);
  }
}

/**
 * Opens `signalbox.db` in `dataDir` for this process alone, making it where there is none. Rejects with a
 * `SignalboxError` (`store-refused`), and leaves the file as it is, when it is another program's, damaged, of a newer
 * Signalbox, or held by another process.
 */
export async function openFile(dataDir: string): Promise<OpenFile> {
  const path = join(prepareDirectory(dataDir), FILE_NAME);
  if (open.has(path)) throw refused(path, 'this process has it open already');
  open.add(path);
  try {
    const { version } = readHeader(path);
    if (version > SCHEMA_VERSION) throw newer(path, version);
    const { DatabaseSync } = await loadSqlite();
    const database = await lock(path, () => new DatabaseSync(path, { timeout: 0 }));
    return new OpenFile(path, database);
  } catch (error) {
    open.delete(path);
    throw error;
  }
}

/**
 * Closes, and gives the lock back: `@photostructure/sqlite` leaves statements for the garbage collector, and SQLite keeps
 * a connection, with its lock, until the last of them is gone. Leaving exclusive mode takes effect at the next read.
 */
function letGo(database: Database, first = ''): void {
  try {
    database.exec(`${first}; PRAGMA locking_mode = NORMAL; SELECT 1 FROM sqlite_schema`);
  } catch {
    // What is committed is in the log, and is found there when the file is opened next.
  }
  database.close();
}

function prepareDirectory(dataDir: string): string {
  try {
    makeDirectory(resolve(dataDir));
    return realpathSync(dataDir);
  } catch (error) {
    throw new SignalboxError('store-refused', `The data directory ${dataDir} cannot be used: ${messageOf(error)}.`, { cause: error });
  }
}

/** Level by level: `mkdirSync` with `recursive` never returns where a parent exists but takes no entries (`/proc/nope`). */
function makeDirectory(path: string): void {
  const missing: string[] = [];
  let there = path;
  let stats = statSync(there, { throwIfNoEntry: false });
  while (stats === undefined && dirname(there) !== there) {
    missing.unshift(there);
    there = dirname(there);
    stats = statSync(there, { throwIfNoEntry: false });
  }
  if (stats?.isDirectory() !== true) throw new Error(`${there} is not a directory`);
  accessSync(there, constants.W_OK | constants.X_OK);
  for (const level of missing) {
    try {
      mkdirSync(level, { mode: 0o700 });
    } catch (error) {
      // A process that starts at the same moment may have been quicker.
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  }
}

/** Reads the first 100 bytes without SQLite, which might replay another program's journal. An empty file is a new one. */
function readHeader(path: string): { version: number } {
  const header = Buffer.alloc(100);
  let length = 0;
  try {
    const descriptor = openSync(path, 'r');
    try {
      length = readSync(descriptor, header, 0, header.length, 0);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { version: 0 };
    throw refused(path, `it cannot be read: ${messageOf(error)}`, error);
  }
  if (length === 0) return { version: 0 };
  if (length < header.length || header.toString('latin1', 0, 16) !== 'SQLite format 3\0')
    throw refused(path, 'it is not a Signalbox data file');
  if (header.readUInt32BE(68) !== APPLICATION_ID) throw refused(path, 'it is the data file of another program');
  return { version: header.readUInt32BE(60) };
}

async function lock(path: string, connect: () => Database): Promise<Database> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return take(path, connect());
    } catch (error) {
      if (resultCode(error) === undefined) throw error;
      const primary = (resultCode(error) ?? 0) & 0xff;
      if (primary !== BUSY) throw refused(path, reasonOf(primary, error), error);
      if (attempt === LOCK_TRIES) throw refused(path, 'another process holds it; one data file serves one process', error);
      // Not the same for all, or two that start together would keep refusing each other.
      await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS * (0.5 + Math.random())));
    }
  }
}

function reasonOf(primary: number, error: unknown): string {
  if (primary === CORRUPT || primary === NOT_A_DATABASE) return 'it is damaged; restore it from a backup';
  return `it cannot be opened for writing: ${messageOf(error)}`;
}

/** Locks, checks and brings up to date; closes the connection when any of it fails. */
function take(path: string, database: Database): Database {
  try {
    // Exclusive from the first access on: the lock is held until we close or die, and the WAL index needs no shared memory.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    const version = pragma(database, 'user_version');
    check(path, database, version);
    // In rollback-journal mode still when new, so that a crash here leaves a whole file or an empty one.
    migrate(database, version);
    if (database.prepare('PRAGMA journal_mode = WAL').get() === undefined) throw refused(path, 'it cannot keep a write-ahead log');
    database.exec(`PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA cache_size = -16384`);
    // Takes the write lock now, not at the first write.
    database.exec('BEGIN IMMEDIATE; COMMIT');
    return database;
  } catch (error) {
    letGo(database);
    throw error;
  }
}

function check(path: string, database: Database, version: number): void {
  const application = pragma(database, 'application_id');
  if (application !== APPLICATION_ID && (application !== 0 || version !== 0)) throw refused(path, 'it is the data file of another program');
  if (version > SCHEMA_VERSION) throw newer(path, version);
  const [finding] = database.prepare('PRAGMA quick_check(1)').all() as { quick_check: string }[];
  if (finding?.quick_check !== 'ok') throw refused(path, 'it is damaged; restore it from a backup');
}

function pragma(database: Database, name: 'user_version' | 'application_id'): number {
  const row = database.prepare(`PRAGMA ${name}`).get() as Record<typeof name, number>;
  return row[name];
}

function newer(path: string, version: number): SignalboxError {
  return refused(path, `it was written by a newer Signalbox (format ${version}, this one knows ${SCHEMA_VERSION})`);
}

function refused(path: string, why: string, cause?: unknown): SignalboxError {
  return new SignalboxError('store-refused', `The data file ${path} is refused: ${why}.`, cause === undefined ? {} : { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): unknown {
  return types.isNativeError(error) && 'code' in error ? error.code : undefined;
}
