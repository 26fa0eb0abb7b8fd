import { SignalboxError } from '../../errors.js';
import type { Clock } from '../../ports/clock.js';
import { rollback } from './schema.js';
import { type Database, isConstraint, type Statement, severityOf, unavailable } from './sqlite.js';
import type { Tally } from './tally.js';

/** A transaction is closed after this long, and the rest goes into the next: the process must stay able to answer. */
const BUDGET_MS = 50;
/** The longest that writes wait for the event loop's sake. */
const REST_MAX_MS = 50;
/** Writes of one commit from which on it is left alone longer, and how many times its own duration at the most. */
const CROWD = 16;
const RESTS_MAX = 2;

/** A write that waits for its transaction. `run` may be called twice, so it changes nothing but the file. */
interface Write {
  readonly run: () => unknown;
  readonly committed: ((result: never) => void) | undefined;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
  result: unknown;
  error: SignalboxError | undefined;
}

/** Who hears of what went wrong. */
export interface CommitListener {
  /** The file or the disk failed; called once. */
  onFatal(error: Error): void;
  /** Writes of this turn were undone: what was remembered of them is not so. */
  onRollback(): void;
}

/**
 * Gathers all writes of a turn of the event loop into one transaction, run in one synchronous block: one fsync for
 * all of them, and no read comes between. A write that fails takes nobody with it.
 */
export class GroupCommit {
  readonly #database: Database;
  readonly #tally: Tally;
  readonly #clock: Clock;
  readonly #listener: CommitListener;
  readonly #begin: Statement;
  readonly #commit: Statement;
  #waiting: Write[] = [];
  #scheduled = false;
  /** When the last commit was done, on the monotonic clock, and how long to leave the disk alone after it. */
  #committedAt = 0;
  #restMs = 0;
  #stopped: SignalboxError | undefined;

  constructor(database: Database, tally: Tally, clock: Clock, listener: CommitListener) {
    this.#database = database;
    this.#tally = tally;
    this.#clock = clock;
    this.#listener = listener;
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#commit = database.prepare('COMMIT');
  }

  /**
   * Runs `run` in the transaction of this turn and resolves with its result once that is on the disk. `committed` is
   * called just before, in the order of the writes, in the same synchronous block as the commit.
   */
  write<T>(run: () => T, committed?: (result: T) => void): Promise<T> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run, committed, resolve, reject, result: undefined, error: undefined });
      this.#schedule();
    });
  }

  /** Reads what is committed. */
  async read<T>(run: () => T): Promise<T> {
    return this.readNow(run);
  }

  /** {@link read}, for those who cannot wait. */
  readNow<T>(run: () => T): T {
    if (this.#stopped !== undefined) throw this.#stopped;
    try {
      return run();
    } catch (error) {
      if (severityOf(error) !== 'fatal') throw error;
      throw this.#fail(error);
    }
  }

  /** Commits what waits; every later call is refused. The caller then closes the file. */
  close(): void {
    while (this.#waiting.length > 0) this.#flush();
    this.#stopped ??= unavailable('The store is closed.');
  }

  /**
   * At once when idle. Behind a commit that took long (a slow disk), not before as much time again has passed, or several
   * times as much where many writes shared it: the event loop then has most of its time for everything else, and more
   * writes share the next commit. Who writes alone waits little; a crowd gets more done.
   */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const flush = (): void => {
      this.#scheduled = false;
      this.#flush();
    };
    const restMs = Math.min(this.#committedAt + this.#restMs - this.#clock.monotonic(), REST_MAX_MS);
    if (restMs > 1) setTimeout(flush, restMs);
    else setImmediate(flush);
  }

  #flush(): void {
    const offered = this.#waiting;
    if (offered.length === 0) return;
    this.#waiting = [];
    const batch = this.#transact(offered);
    if (batch.length < offered.length) {
      // What was written meanwhile came later, and stays behind.
      this.#waiting = offered.slice(batch.length).concat(this.#waiting);
      this.#schedule();
    }
    for (const write of batch) {
      if (write.error === undefined) write.committed?.(write.result as never);
    }
    for (const write of batch) {
      if (write.error === undefined) write.resolve(write.result as never);
      else write.reject(write.error);
    }
  }

  /** Gives back those of `offered` that are decided, in order from the first: with a result, or with an error. */
  #transact(offered: readonly Write[]): readonly Write[] {
    const stopped = this.#stopped;
    if (stopped !== undefined) return refuse(offered, stopped);
    try {
      return this.#attempt(offered, false);
    } catch (error) {
      this.#rollBack();
      if (severityOf(error) !== 'item') return this.#giveUp(offered, error);
    }
    try {
      // Somebody's write is at fault. Savepoints cost, so they are used only now that one is needed.
      return this.#attempt(offered, true);
    } catch (error) {
      this.#rollBack();
      return this.#giveUp(offered, error);
    }
  }

  #attempt(offered: readonly Write[], apart: boolean): readonly Write[] {
    const deadline = this.#clock.monotonic() + BUDGET_MS;
    let done = 0;
    this.#tally.rewind(0);
    this.#begin.run();
    for (const write of offered) {
      if (apart) this.#runApart(write);
      else write.result = write.run();
      done += 1;
      if (this.#clock.monotonic() > deadline) break;
    }
    this.#tally.write();
    const startedAt = this.#clock.monotonic();
    this.#commit.run();
    this.#committedAt = this.#clock.monotonic();
    this.#restMs = (this.#committedAt - startedAt) * Math.min(RESTS_MAX, Math.max(1, done / CROWD));
    return done === offered.length ? offered : offered.slice(0, done);
  }

  #runApart(write: Write): void {
    const mark = this.#tally.mark();
    this.#database.exec('SAVEPOINT item');
    try {
      write.result = write.run();
    } catch (error) {
      if (severityOf(error) !== 'item') throw error;
      write.error = describe(error);
      this.#tally.rewind(mark);
      this.#database.exec('ROLLBACK TO item');
      this.#listener.onRollback();
    }
    this.#database.exec('RELEASE item');
  }

  #rollBack(): void {
    rollback(this.#database);
    this.#listener.onRollback();
  }

  #giveUp(offered: readonly Write[], error: unknown): readonly Write[] {
    if (severityOf(error) !== 'full') return refuse(offered, this.#fail(error));
    this.#makeRoom();
    return refuse(offered, new SignalboxError('store-full', 'The disk has no room for the data file.', { cause: error }));
  }

  /** Empties the log into the file where that needs no room: the next transaction then starts over in the same log. */
  #makeRoom(): void {
    try {
      this.#database.exec('PRAGMA wal_checkpoint(PASSIVE)');
    } catch (error) {
      if (severityOf(error) === 'fatal') this.#fail(error);
    }
  }

  #fail(error: unknown): SignalboxError {
    if (this.#stopped !== undefined) return this.#stopped;
    this.#stopped = unavailable('The data file failed; the process must be started again.', error);
    this.#listener.onFatal(this.#stopped);
    return this.#stopped;
  }
}

function refuse(writes: readonly Write[], error: SignalboxError): readonly Write[] {
  for (const write of writes) write.error = error;
  return writes;
}

function describe(error: unknown): SignalboxError {
  if (error instanceof SignalboxError) return error;
  if (isConstraint(error)) return new SignalboxError('conflict', 'The write contradicts what is stored.', { cause: error });
  return new SignalboxError('internal', error instanceof Error ? error.message : String(error), { cause: error });
}
