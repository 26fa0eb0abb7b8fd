import { readFileSync } from 'node:fs';
import type { Answer, Evidence, Kept, Seen } from './entry.js';

/**
 * Reads a file of one JSON object a line. A last line that a killed writer left unfinished is dropped; a broken line
 * anywhere else is an error, since evidence that cannot be read proves nothing.
 */
export function readLines(path: string): readonly Record<string, unknown>[] {
  const text = readFileSync(path, 'utf8');
  const lines = text.split('\n');
  const torn = lines.pop();
  const objects = lines.filter((line) => line !== '').map((line, index) => parse(line, `${path}:${index + 1}`));
  if (torn === undefined || torn === '') return objects;
  try {
    return [...objects, parse(torn, path)];
  } catch {
    return objects;
  }
}

function parse(line: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Error(`${where}: not JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${where}: not an object`);
  return value as Record<string, unknown>;
}

/** What each line must have; what more it has is the writer's own business. */
const SHAPES = {
  answers: ['tenant', 'key', 'status', 'recordId', 'at', 'expected'],
  seen: ['kind', 'operationId', 'effectClass', 'at'],
  kept: ['tenant', 'id', 'status', 'deliveries', 'ledger'],
} as const;

function readShaped(path: string, shape: keyof typeof SHAPES): readonly unknown[] {
  const lines = readLines(path);
  for (const [index, line] of lines.entries()) {
    const missing = SHAPES[shape].find((field) => !(field in line));
    if (missing !== undefined) throw new Error(`${path}:${index + 1}: no field ${missing}`);
  }
  return lines;
}

/** Evidence from three sets of files, as process-level drills and load tests leave them behind. */
export function readEvidence(paths: {
  readonly answers: readonly string[];
  readonly seen: readonly string[];
  readonly kept: readonly string[];
}): Evidence {
  return {
    answers: paths.answers.flatMap((path) => readShaped(path, 'answers')) as readonly Answer[],
    seen: paths.seen.flatMap((path) => readShaped(path, 'seen')) as readonly Seen[],
    kept: paths.kept.flatMap((path) => readShaped(path, 'kept')) as readonly Kept[],
  };
}
