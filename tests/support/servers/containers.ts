import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { GenericContainer, StartedTestContainer, WaitStrategy } from 'testcontainers';
import { watchdog } from './guard.js';
import type { OwnOptions, OwnServer } from './own.js';
import { freePorts } from './ports.js';
import { answering } from './ready.js';
import type { ServerName } from './recipe.js';
import { recipes } from './recipes.js';

const run = promisify(execFile);
const ENGINE_ANSWERS_WITHIN_MS = 5_000;

interface Image {
  readonly image: string;
  /** The one for clients, and RabbitMQ's management. */
  readonly ports: readonly [number, ...number[]];
  /** Where its data are, inside. */
  readonly data: string;
  readonly shape: (container: GenericContainer) => GenericContainer;
}

const IMAGES: Readonly<Partial<Record<ServerName, Image>>> = {
  mongodb: { image: 'mongo:7', ports: [27017], data: '/data/db', shape: (container) => container },
  // A broker's data belong to its host name.
  rabbitmq: {
    image: 'rabbitmq:3-management',
    ports: [5672, 15672],
    data: '/var/lib/rabbitmq',
    shape: (container) => container.withHostname('rabbitmq'),
  },
  redis: {
    image: 'redis:7',
    ports: [6379],
    data: '/data',
    shape: (container) =>
      container.withCommand([
        ...['redis-server', '--protected-mode', 'no', '--save', '', '--appendonly', 'yes', '--appendfsync', 'always'],
        ...['--maxmemory-policy', 'noeviction', '--maxmemory', process.env['REDIS_MAX_MEMORY'] ?? '2gb'],
      ]),
  },
};

/** The library need not wait, by programs that an image may lack: we ask as a client would. */
const AT_ONCE: WaitStrategy = {
  waitUntilReady: async () => {},
  withStartupTimeout: () => AT_ONCE,
  isStartupTimeoutSet: () => true,
  getStartupTimeout: () => 0,
};

/** Does a Docker engine answer? Its client program knows where to ask. */
export async function dockerAnswers(): Promise<boolean> {
  try {
    const { stdout } = await run('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: ENGINE_ANSWERS_WITHIN_MS });
    return /\d/.test(stdout);
  } catch {
    return false;
  }
}

export function hasImage(name: ServerName): boolean {
  return IMAGES[name] !== undefined;
}

/** A server in a container, removed by `dispose` or when this process ends. Rejects when its image cannot be had. */
export async function startContainer(name: ServerName, options: OwnOptions = {}): Promise<OwnServer> {
  const image = IMAGES[name];
  if (image === undefined) throw new Error(`there is no container for ${name}`);
  // The reaper is an image of its own and wants the engine's socket; we remove what we made ourselves.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  process.env['TESTCONTAINERS_HOST_OVERRIDE'] ??= '127.0.0.1';
  const { GenericContainer, Wait } = await import('testcontainers');
  const [first = 0, second = 0] = await freePorts(2);
  const ports = [options.port ?? first, options.managementPort || second].slice(0, image.ports.length);
  const startedAt = performance.now();
  const shaped = image
    .shape(new GenericContainer(image.image))
    .withExposedPorts(...image.ports.map((container, index) => ({ container, host: ports[index] ?? 0 })))
    .withWaitStrategy(name === 'rabbitmq' ? Wait.forLogMessage('Server startup complete') : AT_ONCE)
    .withStartupTimeout(recipes[name].readyWithinMs);
  if (options.dataDir !== undefined) {
    await mkdir(options.dataDir, { recursive: true });
    shaped.withBindMounts([{ source: resolve(options.dataDir), target: image.data, mode: 'rw' }]);
  }
  const container = await shaped.start();
  watchdog.container(container.getId());
  const server = await ownOf(name, image, container, ports, options.dataDir ?? image.data, startedAt);
  try {
    await answering(recipes[name], server.port, () => true);
    return server;
  } catch (error) {
    await server.dispose();
    throw error;
  }
}

async function ownOf(
  name: ServerName,
  { image }: Image,
  container: StartedTestContainer,
  ports: readonly number[],
  dataDir: string,
  startedAt: number,
): Promise<OwnServer> {
  const { getContainerRuntimeClient } = await import('testcontainers');
  const engine = (await getContainerRuntimeClient()).container.getById(container.getId());
  const recipe = recipes[name];
  const port = ports[0] ?? 0;
  let running = true;
  return {
    name,
    origin: 'container',
    uri: recipe.uri(port),
    port,
    ports,
    dataDir,
    about: image,
    startMs: Math.round(performance.now() - startedAt),
    managementUrl: ports[1] === undefined ? null : `http://127.0.0.1:${ports[1]}`,
    get running() {
      return running;
    },
    async pids() {
      const { Pid } = (await engine.inspect()).State;
      return Pid > 0 ? [Pid] : [];
    },
    async kill() {
      running = false;
      await engine.kill();
      await engine.wait();
    },
    async stop() {
      running = false;
      await engine.stop({ t: Math.round(recipe.stopWithinMs / 1000) });
    },
    async pause() {
      await engine.pause();
    },
    async resume() {
      await engine.unpause();
    },
    async start() {
      await engine.start();
      running = true;
      await answering(recipe, port, () => true);
    },
    ping: () => recipe.ping(recipe.uri(port)),
    async dispose() {
      await engine.remove({ force: true, v: true });
      watchdog.removed(container.getId());
    },
  };
}
