import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A process of ours: what it said, how it ends. Only ever signalled by its own pid, and never after it ended. */
export interface Child {
  readonly pid: number;
  /** Resolves when it has ended, whoever ended it. */
  readonly ended: Promise<Ended>;
  readonly running: boolean;
  /** The last lines of both outputs. */
  tail(): string;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL if that is not heeded in time. */
  stop(withinMs?: number): Promise<Ended>;
}

export interface ChildOptions {
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Its whole environment: nothing of ours leaks in. */
  readonly env: Readonly<Record<string, string>>;
  /** Both outputs are appended to this file. */
  readonly logFile?: string;
  /** How long it may take to say that it is ready; default 30 s. */
  readonly readyWithinMs?: number;
}

const TAIL_LINES = 20;
const READY_WITHIN_MS = 30_000;

/** Starts `node` with these arguments and waits for the line that `ready` understands. */
export async function startChild<T>(
  options: ChildOptions,
  ready: (line: string) => T | null,
): Promise<{ readonly child: Child; readonly said: T }> {
  const spawned = spawn(process.execPath, [...options.argv], {
    cwd: options.cwd,
    env: { ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = options.logFile === undefined ? null : createWriteStream(options.logFile, { flags: 'a' });
  const lines: string[] = [];
  let hear: (line: string) => void = () => {};
  for (const output of [spawned.stdout, spawned.stderr]) {
    createInterface({ input: output }).on('line', (line) => {
      lines.push(line);
      if (lines.length > TAIL_LINES) lines.shift();
      log?.write(`${line}\n`);
      hear(line);
    });
  }
  const child = childOf(spawned, lines, log);
  const said = await new Promise<T>((fulfil, reject) => {
    const { readyWithinMs = READY_WITHIN_MS } = options;
    const timer = setTimeout(() => reject(new Error(`not ready within ${readyWithinMs} ms:\n${child.tail()}`)), readyWithinMs);
    hear = (line) => {
      const heard = ready(line);
      if (heard === null) return;
      clearTimeout(timer);
      hear = () => {};
      fulfil(heard);
    };
    void child.ended.then(({ code, signal }) => {
      clearTimeout(timer);
      reject(new Error(`ended (${signal ?? code}) before it was ready:\n${child.tail()}`));
    });
  }).catch(async (error: unknown) => {
    await child.stop(0);
    throw error;
  });
  return { child, said };
}

function childOf(spawned: ChildProcess, lines: readonly string[], log: WriteStream | null): Child {
  let running = true;
  const signal = (name: NodeJS.Signals): void => {
    if (running) spawned.kill(name);
  };
  // Nobody of ours outlives us, however we end.
  const takeAlong = (): void => signal('SIGKILL');
  process.once('exit', takeAlong);
  const ended = new Promise<Ended>((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null): void => {
      if (!running) return;
      running = false;
      process.off('exit', takeAlong);
      log?.end();
      resolve({ code, signal, at: Date.now() });
    };
    spawned.once('exit', end);
    spawned.once('error', () => end(null, null));
  });
  return {
    pid: spawned.pid ?? -1,
    ended,
    get running() {
      return running;
    },
    tail: () => lines.join('\n'),
    signal,
    async stop(withinMs = 15_000) {
      signal('SIGTERM');
      const timer = setTimeout(() => signal('SIGKILL'), withinMs);
      const how = await ended;
      clearTimeout(timer);
      return how;
    },
  };
}
