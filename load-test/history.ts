import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { HistoryEntry } from './result.js';

/** The runs of a history file, oldest first. A line that cannot be read is left out: a trend is no evidence. */
export function readHistory(path: string): readonly HistoryEntry[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        const entry = JSON.parse(line) as HistoryEntry;
        return typeof entry.at === 'string' && typeof entry.figures === 'object' ? [entry] : [];
      } catch {
        return [];
      }
    });
}

/** Adds a run as one line. */
export function appendHistory(path: string, entry: HistoryEntry): void {
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${JSON.stringify(entry, rounded)}\n`);
}

/** Thousandths of a millisecond are noise. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;
}
