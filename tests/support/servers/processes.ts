import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Guard } from './guard.js';

/** How a server's process is started. */
export interface Command {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  /** On top of the little of our own environment that every program wants (PATH, LANG, TMPDIR). */
  readonly env: Readonly<Record<string, string>>;
}

/** A process of ours in a group of its own, with all that it started. Signalled by pid only, and never after it ended. */
export interface Running {
  readonly pid: number;
  readonly running: boolean;
  readonly ended: Promise<void>;
  /** It and everything below it that lives. */
  pids(): Promise<readonly number[]>;
  signal(name: NodeJS.Signals): Promise<void>;
  /** SIGKILL to all of them at once; resolves when none is left. */
  kill(): Promise<void>;
  /** SIGTERM to the first of them, SIGKILL to all after the time limit. */
  stop(withinMs: number): Promise<void>;
}

const run = promisify(execFile);
/** How long killed processes may take to be gone. */
const GONE_WITHIN_MS = 10_000;

/** Starts it; both outputs are appended to the file. */
export function startProcess(command: Command, logFile: string, guard: Guard): Promise<Running> {
  const log = openSync(logFile, 'a');
  const { PATH = '/usr/bin:/bin', TMPDIR = '/tmp' } = process.env;
  const child = spawn(command.argv[0], command.argv.slice(1), {
    cwd: command.cwd,
    env: { PATH, TMPDIR, LANG: 'C.UTF-8', ...command.env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  child.unref();
  closeSync(log);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => {
      const pid = child.pid ?? -1;
      guard.watch(pid);
      let running = true;
      const ended = new Promise<void>((done) => {
        child.once('exit', () => {
          running = false;
          guard.forget(pid);
          done();
        });
      });
      resolve(runningOf(pid, () => running, ended));
    });
  });
}

function runningOf(pid: number, alive: () => boolean, ended: Promise<void>): Running {
  const pids = async (): Promise<readonly number[]> => (alive() ? treeOf(pid) : []);
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    for (const each of await pids()) send(each, name);
  };
  const kill = async (): Promise<void> => {
    await signal('SIGSTOP');
    const all = await pids();
    for (const each of all) send(each, 'SIGKILL');
    // The timer keeps us alive: the child, let go of, does not.
    if (all.length > 0) await within(ended, GONE_WITHIN_MS);
    await gone(all);
  };
  return {
    pid,
    get running() {
      return alive();
    },
    ended,
    pids,
    signal,
    kill,
    async stop(withinMs) {
      const all = await pids();
      if (all.length === 0) return;
      send(pid, 'SIGTERM');
      send(pid, 'SIGCONT');
      if (!(await within(ended, withinMs))) await kill();
      await gone(all);
    },
  };
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it has ended
  }
}

/** The process and its descendants, those that only wait to be reaped left out. */
async function treeOf(root: number): Promise<readonly number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,stat=']);
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , stat]) => !stat?.startsWith('Z'))
    .map(([pid, parent]) => ({ pid: Number(pid), parent: Number(parent) }));
  const tree = new Set([root]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const { pid, parent } of rows) {
      if (!tree.has(parent) || tree.has(pid)) continue;
      tree.add(pid);
      grew = true;
    }
  }
  return [...tree].filter((pid) => rows.some((row) => row.pid === pid));
}

/** Waits until none of them lives: a port or a lock file may be theirs to the last. */
async function gone(pids: readonly number[]): Promise<void> {
  const until = performance.now() + GONE_WITHIN_MS;
  while (performance.now() < until) {
    const { stdout } = await run('ps', ['-A', '-o', 'pid=,stat=']);
    const living = new Set(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter(([, stat]) => !stat?.startsWith('Z'))
        .map(([pid]) => Number(pid)),
    );
    if (!pids.some((pid) => living.has(pid))) return;
    await pause(20);
  }
  throw new Error(`processes ${pids.join(', ')} did not end within ${GONE_WITHIN_MS} ms`);
}

/** Did it come about in time? */
export async function within(happening: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([happening.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A short rest between two looks at something that sends no signal. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** The last lines of a file. */
export async function tailOf(file: string, lines = 20): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}
