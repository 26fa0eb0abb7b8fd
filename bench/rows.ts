import type { Database } from '../src/adapters/embedded/sqlite.js';

/** Rows per table, and how often records were written in all: what tells that two files went through the same. */
export type RowCounts = Readonly<Record<string, number>>;

/** Through the connection that wrote them: it holds the file for itself. */
export function countRows(database: Database): RowCounts {
  const number = (sql: string): number => (database.prepare(sql).get() as { n: number }).n;
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    .all()
    .map((row) => (row as { name: string }).name);
  const counts = Object.fromEntries(tables.map((name) => [name, number(`SELECT count(*) AS n FROM "${name}"`)]));
  return { ...counts, 'record writes': number('SELECT coalesce(sum(version), 0) AS n FROM records') };
}

/**
 * What differs, a phrase each. Tables hold the same number of rows; how often the records were written may differ by
 * a hundredth: a wake-up that was claimed before it could be marked as published is not marked.
 */
export function differences(a: RowCounts, b: RowCounts): readonly string[] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const leeway = (name: string): number => (name === 'record writes' ? (b[name] ?? 0) / 100 : 0);
  const differing = names.filter((name) => Math.abs((a[name] ?? 0) - (b[name] ?? 0)) > leeway(name));
  return differing.map((name) => `${name} ${a[name]} against ${b[name]}`);
}

export function sumOf(counts: RowCounts): number {
  return Object.entries(counts).reduce((sum, [name, count]) => (name === 'record writes' ? sum : sum + count), 0);
}
