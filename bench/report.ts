import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './built.js';
import { type CaseResult, type Finding, isMet, median, type Sample } from './case.js';

/** A whole run, as the history keeps it. */
export interface Report {
  readonly at: string;
  readonly command: string;
  readonly node: string;
  readonly machine: string;
  readonly rounds: number;
  readonly cases: readonly CaseResult[];
}

export function reportOf(command: string, rounds: number, cases: readonly CaseResult[]): Report {
  const [first] = cpus();
  const machine = `${cpus().length} × ${first?.model.trim() ?? 'unknown'}, ${process.platform} ${process.arch}`;
  return { at: new Date().toISOString(), command, node: process.version, machine, rounds, cases };
}

/** Adds the run to the history; gives back the file's path. */
export function keep(report: Report): string {
  const directory = join(ROOT, 'bench/results');
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${report.at.replace(/[:.]/g, '-')}.json`);
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  return path;
}

/** For a person: a table of medians for each case, its findings, its notes. */
export function print(report: Report): string {
  return [`${report.node}, ${report.machine}, medians of ${report.rounds} rounds`, ...report.cases.flatMap(printCase)].join('\n');
}

function printCase(result: CaseResult): readonly string[] {
  const contestants = [...new Set(result.samples.map((sample) => sample.contestant))];
  const figures = [...new Set(result.samples.flatMap((sample) => Object.keys(sample.figures)))];
  const rows = contestants.map((contestant) => [
    contestant,
    ...figures.map((figure) => shown(mediansOf(result.samples, contestant, figure))),
  ]);
  return ['', result.name, ...table([['', ...figures], ...rows]), ...result.findings.map(line), ...result.notes.map((note) => `  ${note}`)];
}

function mediansOf(samples: readonly Sample[], contestant: string, figure: string): number {
  const mine = samples.filter((sample) => sample.contestant === contestant).map((sample) => sample.figures[figure]);
  return median(mine.filter((value) => value !== undefined));
}

function shown(value: number): string {
  if (Number.isNaN(value)) return '-';
  return Math.abs(value) >= 1000 ? String(Math.round(value)) : value.toFixed(Number.isInteger(value) ? 0 : 1);
}

/** First column to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const cell = (text: string, column: number): string =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  return rows.map((row) => `  ${row.map(cell).join('   ')}`);
}

function line(found: Finding): string {
  const digits = found.unit === '×' ? 2 : 1;
  const value = (number: number): string => `${number.toFixed(digits)} ${found.unit}`;
  const rounds = `rounds ${found.rounds.map((round) => round.toFixed(digits)).join(', ')}`;
  return `  ${found.name}: ${value(found.median)} (${rounds})${judgement(found, value)}`;
}

function judgement(found: Finding, value: (number: number) => string): string {
  if (found.target === null) return '';
  const target = 'atLeast' in found.target ? `at least ${value(found.target.atLeast)}` : `at most ${value(found.target.atMost)}`;
  return ` - ${isMet(found) === true ? 'met' : 'SHORT'}: ${target}`;
}
