import { SignalboxError } from '../../errors.js';

/** What we bind and read. Numbers are whole and below 2^53; booleans are 0 and 1. */
export type Value = string | number | null;

export interface Statement {
  run(...values: Value[]): { readonly changes: number | bigint; readonly lastInsertRowid: number | bigint };
  get(...values: Value[]): unknown;
  all(...values: Value[]): unknown[];
}

/** The part of `node:sqlite` that both it (from Node 22.13) and `@photostructure/sqlite` have. */
export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

interface SqliteModule {
  readonly DatabaseSync: new (path: string, options?: { timeout?: number }) => Database;
}

/** Node's own SQLite where this Node has one without a flag, else the prebuilt one. Loaded only when asked for. */
export async function loadSqlite(): Promise<SqliteModule> {
  if (hasOwnSqlite(process.versions.node)) {
    // Through a variable: the type packages of the oldest Node we support do not know the module.
    const builtIn = 'node:sqlite';
    return (await import(builtIn)) as SqliteModule;
  }
  return import('@photostructure/sqlite');
}

/** `node:sqlite` needs no flag from 22.13, and in the 23 line from 23.4. */
export function hasOwnSqlite(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 23 || (major === 23 && minor >= 4) || (major === 22 && minor >= 13);
}

/** SQLite's primary result codes that we tell apart. */
const FULL = 13;
const CONSTRAINT = 19;
/** The caller's fault, with the file as it was: TOOBIG, CONSTRAINT, MISMATCH, RANGE. */
const CALLERS = new Set([18, CONSTRAINT, 20, 25]);

/**
 * What an error means for those who wait:
 * - `full`: no room; what was begun is rolled back and may be tried again later.
 * - `item`: this one write is at fault, its neighbours are not.
 * - `fatal`: the file or the disk cannot be trusted any more. After a failed fsync the kernel may have dropped the very
 *   pages it failed to write and report success the next time, so nothing is tried again.
 */
export function severityOf(error: unknown): 'full' | 'item' | 'fatal' {
  const code = resultCode(error);
  if (code === undefined) return 'item';
  const primary = code & 0xff;
  if (primary === FULL) return 'full';
  return CALLERS.has(primary) ? 'item' : 'fatal';
}

export function isConstraint(error: unknown): boolean {
  const code = resultCode(error);
  return code !== undefined && (code & 0xff) === CONSTRAINT;
}

/** The extended result code of an SQLite error; undefined for any other. */
export function resultCode(error: unknown): number | undefined {
  // Not by `instanceof`: a native module's errors may belong to another realm.
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
}

export function unavailable(detail: string, cause?: unknown): SignalboxError {
  return new SignalboxError('store-unavailable', detail, cause === undefined ? {} : { cause });
}
