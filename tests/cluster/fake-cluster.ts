import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { LogFile } from '../../src/cluster/logs.js';
import { Supervisor } from '../../src/cluster/supervisor.js';
import { isFree } from '../support/servers/ports.js';

const PROGRAM = resolve('tests/cluster/fake-program.mjs');

/** A supervisor of fake programs on ports of their own. */
export interface FakeCluster {
  readonly supervisor: Supervisor;
  readonly directory: string;
  readonly apiPort: number;
  readonly workerPort: number;
  /** What was told, in order. */
  readonly told: readonly string[];
  /** All that was logged. */
  readonly logged: readonly string[];
  readonly tell: (line: string) => void;
  /** Makes the process of this name do so from its next start, or from now. */
  behave(name: string, how: 'refuse' | 'deaf'): Promise<void>;
  dispose(): Promise<void>;
}

interface Options {
  readonly apis?: number;
  readonly workers?: number;
  readonly sink?: boolean;
  readonly variables?: Readonly<Record<string, string>>;
  readonly graceMs?: number;
}

export async function fakeCluster({
  apis = 2,
  workers = 2,
  sink = false,
  variables = {},
  graceMs = 10_000,
}: Options = {}): Promise<FakeCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-cluster-'));
  const [apiPort, workerPort] = await freePorts();
  const told: string[] = [];
  const logged: string[] = [];
  const tell = (line: string): void => void told.push(line);
  const supervisor = new Supervisor({
    programs: { api: PROGRAM, worker: PROGRAM, sink: PROGRAM },
    variables: { FAKE: directory, ...variables },
    apis,
    workers,
    apiPort,
    workerPort,
    host: '127.0.0.1',
    listenHost: '127.0.0.1',
    workerHealth: true,
    sinkKeep: sink ? 10 : null,
    readyWithinMs: 20_000,
    around: {
      backoff: { firstMs: 10, longestMs: 1_000, resetMs: 60_000 },
      askEveryMs: 20,
      graceMs,
      logFile: (name) => new LogFile(join(directory, 'logs', `${name}.log`)),
      console: (text) => void logged.push(text.toString('utf8')),
      say: tell,
    },
  });
  return {
    supervisor,
    directory,
    apiPort,
    workerPort,
    told,
    logged,
    tell,
    behave: (name, how) => writeFile(join(directory, `${name}.${how}`), ''),
    async dispose() {
      await supervisor.stop(tell);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Two ports with free ones behind each, below those that the system gives to whoever asks for any. */
async function freePorts(): Promise<[number, number]> {
  for (let tries = 0; tries < 50; tries += 1) {
    const base = 12_000 + 20 * Math.floor(Math.random() * 900);
    const wanted = [0, 1, 2, 3, 4, 10, 11, 12, 13, 14].map((offset) => base + offset);
    const free = await Promise.all(wanted.map(isFree));
    if (free.every((each) => each)) return [base, base + 10];
  }
  throw new Error('no free ports in a row');
}

/** Waits until it is so. */
export async function until(so: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const giveUpAt = Date.now() + withinMs;
  while (!(await so())) {
    if (Date.now() > giveUpAt) throw new Error(`not so within ${withinMs} ms`);
    await new Promise((resolve_) => setTimeout(resolve_, 20));
  }
}
