import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CliError } from './cli-error.js';
import { interruptible, pause } from './interrupt.js';

/** As much of the end of a file as is looked at. */
const LOOK_BACK_BYTES = 8 * 1024 * 1024;
const LOOK_EVERY_MS = 300;

interface LogsOptions {
  readonly directory: string;
  /** Of these processes; none: of all. */
  readonly names: readonly string[];
  readonly tail: number;
  readonly follow: boolean;
  readonly write: (line: string) => void;
}

/** The last lines of the logs, in the order in which they were written; then, if wished, those that come. Needs no running cluster. */
export async function showLogs({ directory, names, tail, follow, write }: LogsOptions): Promise<void> {
  const files = filesOf(join(directory, 'logs'), names).map((path) => ({ path, at: statSync(path).size }));
  const lines = files.flatMap(({ path, at }) => linesBetween(path, Math.max(0, at - LOOK_BACK_BYTES), at).lines.slice(-tail));
  for (const line of inOrder(lines).slice(-tail)) write(line);
  if (!follow) return;
  await interruptible(async (signal) => {
    while (!signal.aborted) {
      await pause(LOOK_EVERY_MS, signal);
      const fresh = files.flatMap((file) => {
        const size = statSync(file.path, { throwIfNoEntry: false })?.size ?? 0;
        // Shorter than it was: begun anew.
        const { lines: more, end } = linesBetween(file.path, size < file.at ? 0 : file.at, size);
        file.at = end;
        return more;
      });
      for (const line of inOrder(fresh)) write(line);
    }
  });
}

function filesOf(directory: string, names: readonly string[]): readonly string[] {
  let found: readonly string[];
  try {
    found = readdirSync(directory).filter((name) => name.endsWith('.log'));
  } catch {
    throw new CliError(`there are no logs in ${directory}: start a cluster with npm run cluster`);
  }
  const missing = names.find((name) => !found.includes(`${name}.log`));
  if (missing !== undefined) {
    const there = found.map((name) => name.slice(0, -'.log'.length)).join(', ');
    throw new CliError(`${missing} has no log in ${directory}; there are ${there || 'none'}`);
  }
  return (names.length === 0 ? found : names.map((name) => `${name}.log`)).map((name) => join(directory, name));
}

/** The whole lines that begin between two places of a file, and where the last of them ends. */
function linesBetween(path: string, from: number, to: number): { readonly lines: readonly string[]; readonly end: number } {
  const length = Math.min(to - from, LOOK_BACK_BYTES);
  if (length <= 0) return { lines: [], end: from };
  const buffer = Buffer.alloc(length);
  const file = openSync(path, 'r');
  const read = readSync(file, buffer, 0, length, from);
  closeSync(file);
  const last = buffer.subarray(0, read).lastIndexOf(0x0a) + 1;
  const lines = buffer.subarray(0, last).toString('utf8').split('\n');
  return { lines: lines.filter((line) => line !== ''), end: from + last };
}

/** By their `time`; lines without one stay behind the line they followed. */
function inOrder(lines: readonly string[]): readonly string[] {
  let time = '';
  const timed = lines.map((line) => {
    time = /"time":"([^"]+)"/.exec(line)?.[1] ?? time;
    return { line, time };
  });
  return timed.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)).map(({ line }) => line);
}
