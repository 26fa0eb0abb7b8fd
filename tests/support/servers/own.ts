import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { watchdog } from './guard.js';
import { ensureInstalled } from './install.js';
import { freePorts } from './ports.js';
import { type Running, startProcess, tailOf } from './processes.js';
import { answering } from './ready.js';
import type { OwnName, Place, Recipe } from './recipe.js';
import { recipes } from './recipes.js';

/** A server of the caller's own, which may be killed, stopped and started again: same ports, same data. */
export interface OwnServer {
  readonly name: OwnName;
  readonly origin: 'installed' | 'container';
  readonly uri: string;
  readonly port: number;
  /** All ports it listens on: for an installed RabbitMQ those of clients, epmd, the other nodes, and management. */
  readonly ports: readonly number[];
  /** RabbitMQ's management, where that was wanted. */
  readonly managementUrl: string | null;
  readonly dataDir: string;
  /** Product and version, for people. */
  readonly about: string;
  /** How long the last start took until it answered. */
  readonly startMs: number;
  readonly running: boolean;
  /** All its processes that live now. */
  pids(): Promise<readonly number[]>;
  /** SIGKILL to all of them; resolves when they are gone. */
  kill(): Promise<void>;
  /** As a person would stop it; SIGKILL when it takes too long. */
  stop(): Promise<void>;
  /** SIGSTOP to all of them: connections stay, nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** After `kill` or `stop`; resolves when it answers. */
  start(): Promise<void>;
  /** Rejects unless it answers a client's question. */
  ping(): Promise<void>;
  /** Stops it for good. Its data go too, unless the caller had named the directory. */
  dispose(): Promise<void>;
}

export interface OwnOptions {
  /** Else a free one. */
  readonly port?: number;
  /** Else a temporary one. */
  readonly dataDir?: string;
  /** It will not be killed and looked at: it need not wait for the disk. */
  readonly fast?: boolean;
  /** RabbitMQ: its management too, on this port (0: any free one); starts and stops some seconds later. */
  readonly managementPort?: number;
}

/** A process may take a port between our look and the server's. */
const TRIES = 3;

/**
 * Starts an installed server (and installs it first, where it is missing and we are root on Debian). It ends with this process,
 * however that ends.
 */
export async function startOwn(name: OwnName, options: OwnOptions = {}): Promise<OwnServer> {
  const recipe = recipes[name];
  await ensureInstalled(name);
  for (let left = TRIES; ; left -= 1) {
    const server = await placed(recipe, options);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.dispose();
      if (left === 1 || options.port !== undefined) throw error;
    }
  }
}

async function placed(recipe: Recipe, options: OwnOptions): Promise<OwnServer> {
  const free = await freePorts(recipe.morePorts + 1);
  const management = options.managementPort !== undefined;
  const last = management && options.managementPort !== 0 ? [options.managementPort] : [];
  const ports = [options.port ?? free[0] ?? 0, ...free.slice(1, free.length - last.length), ...last];
  const temporary = options.dataDir === undefined;
  const dataDir = temporary ? await mkdtemp(join(tmpdir(), `signalbox-${recipe.name}-`)) : resolve(options.dataDir ?? '');
  await mkdir(dataDir, { recursive: true });
  const place: Place = { dataDir, ports, fast: options.fast ?? false, management };
  const leaves = temporary ? [dataDir, ...recipe.elsewhere(place)] : [];
  for (const directory of leaves) watchdog.temporary(directory);
  return ownOf(recipe, place, leaves, await recipe.about());
}

function ownOf(recipe: Recipe, place: Place, leaves: readonly string[], about: string): OwnServer {
  const port = place.ports[0] ?? 0;
  const uri = recipe.uri(port);
  let processes: Running[] = [];
  let disposed = false;
  let startMs = 0;
  const pids = async (): Promise<readonly number[]> => (await Promise.all(processes.map((each) => each.pids()))).flat();
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    await Promise.all(processes.map((each) => each.signal(name)));
  };
  const stop = async (): Promise<void> => {
    await signal('SIGCONT');
    for (const each of processes.toReversed()) await each.stop(recipe.stopWithinMs);
  };
  return {
    name: recipe.name,
    origin: 'installed',
    uri,
    port,
    ports: place.ports,
    managementUrl: place.management ? `http://127.0.0.1:${place.ports.at(-1)}` : null,
    dataDir: place.dataDir,
    about,
    get startMs() {
      return startMs;
    },
    get running() {
      return processes.length > 0 && processes.every((each) => each.running);
    },
    pids,
    async kill() {
      await Promise.all(processes.map((each) => each.kill()));
    },
    stop,
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    async start() {
      if (processes.some((each) => each.running)) throw new Error(`${recipe.name} on port ${port} runs already`);
      if (disposed) throw new Error(`${recipe.name} on port ${port} was disposed of`);
      const startedAt = performance.now();
      // Known from the first moment: whoever stops it while it starts stops all there is.
      processes = [];
      await launch(recipe, place, processes);
      startMs = Math.round(performance.now() - startedAt);
    },
    ping: () => recipe.ping(uri),
    async dispose() {
      disposed = true;
      await stop();
      for (const directory of leaves) {
        await rm(directory, { recursive: true, force: true });
        watchdog.kept(directory);
      }
    },
  };
}

/** Starts its processes and waits until it answers. None is left if it does not. */
async function launch(recipe: Recipe, place: Place, started: Running[]): Promise<void> {
  const logFile = join(place.dataDir, 'server.log');
  try {
    for (const command of await recipe.prepare(place)) started.push(await startProcess(command, logFile, watchdog));
    await answering(recipe, place.ports[0] ?? 0, () => started.every((each) => each.running));
  } catch (error) {
    await Promise.all(started.map((each) => each.kill()));
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${recipe.name} on port ${place.ports[0]} did not start: ${reason}\n${await tailOf(logFile)}`);
  }
}
