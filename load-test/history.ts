import { appendFileSync, closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { MessageEntry } from './messages/result.js';
import type { HistoryEntry } from './result.js';
import type { SoakReport } from './soak/report.js';
import { RunError } from './target.js';

type Entry = HistoryEntry | MessageEntry;

/** The runs of notifications in a history file, oldest first. A line that cannot be read is left out: a trend is no evidence. */
export function readHistory(path: string): readonly HistoryEntry[] {
  return entriesOf(path).filter((entry) => entry.scenario !== 'messages');
}

/** Those of messages; likewise. */
export function readMessageHistory(path: string): readonly MessageEntry[] {
  return entriesOf(path).filter((entry) => entry.scenario === 'messages');
}

function entriesOf(path: string): readonly Entry[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        const entry = JSON.parse(line) as Entry;
        return typeof entry.at === 'string' && typeof entry.figures === 'object' ? [entry] : [];
      } catch {
        return [];
      }
    });
}

/** Before the load, and not after ten minutes of it. @throws RunError */
export function demandWritable(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    closeSync(openSync(path, 'a'));
  } catch (error) {
    throw new RunError(`${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Adds a run as one line. */
export function appendHistory(path: string, entry: Entry | SoakReport): void {
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${JSON.stringify(entry, rounded)}\n`);
}

/** Thousandths of a millisecond are noise. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;
}
