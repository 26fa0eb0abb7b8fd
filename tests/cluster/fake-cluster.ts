import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { LogFile } from '../../src/cluster/logs.js';
import { Supervisor } from '../../src/cluster/supervisor.js';

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

/** Two ports behind each of which some more are free, most likely. */
async function freePorts(): Promise<[number, number]> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  const base = port > 60_000 ? port - 20_000 : port;
  return [base + 1, base + 101];
}

/** Waits until it is so. */
export async function until(so: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const giveUpAt = Date.now() + withinMs;
  while (!(await so())) {
    if (Date.now() > giveUpAt) throw new Error(`not so within ${withinMs} ms`);
    await new Promise((resolve_) => setTimeout(resolve_, 20));
  }
}
