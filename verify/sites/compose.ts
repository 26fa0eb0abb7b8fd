import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { Console, Site } from '../site.js';
import { command } from '../world.js';
import { linesOf } from './embedded.js';

const BALANCER = 'http://127.0.0.1';
/** For this machine alone: what is kept from strangers is there too. */
const FRONT = 'http://127.0.0.1:8080';
const APIS = ['http://127.0.0.1:3001', 'http://127.0.0.1:3002'];
const NAMED_WORKERS = 5;
/** The elastic workers come behind the named ones. */
const LAST_WORKER_PORT = 9115;
const LOOK_MS = 2_000;
/** Lines of each container's log that are looked at. */
const LOG_LINES = 3_000;

/** The stack that runs. @throws Error where none does */
export async function openCompose(root: string, file: string, key: string | null): Promise<Site> {
  if (!existsSync(join(root, file))) throw new Error(`there is no ${file}`);
  const environment = dockerEnvironment(root);
  const compose = [...(await composeProgram(root, environment)), '-f', file];
  if (!(await answers(`${BALANCER}/health`))) {
    throw new Error(
      `nobody answers at ${BALANCER}/health: start the stack with docker-compose -f ${file} up -d, and wait until it is healthy`,
    );
  }
  const workers = await workersNow();
  const env = settingsOf(root);
  const sink = await sinkAt([FRONT, ...APIS]);
  return {
    target: 'compose',
    front: FRONT,
    balancer: BALANCER,
    apis: APIS,
    workers,
    expected: { apis: Number(env['NUM_API_INSTANCES'] || 2), workers: Number(env['NUM_WORKERS'] || NAMED_WORKERS) },
    sink,
    sinkAddress: sink === null ? null : await addressOf(sink),
    pollIntervalMs: Number(env['POLL_INTERVAL_MS'] || 5_000),
    apiKey: key,
    metricsToken: env['METRICS_TOKEN'] || null,
    management: managementOf(env),
    prometheus: 'http://127.0.0.1:9090',
    alertmanager: 'http://127.0.0.1:9193',
    grafana: grafanaOf(env),
    servers: null,
    clusterDirectory: null,
    compose,
    environment,
    startMs: null,
    about: `the stack of ${file} behind ${BALANCER}, with ${workers.length} workers`,
    async logs() {
      const said = await command([...compose, 'logs', '--no-color', `--tail=${LOG_LINES}`], { cwd: root, env: environment });
      return ownLines(linesOf(said.stdout));
    },
    end: () => Promise.resolve(),
  };
}

function managementOf(env: NodeJS.ProcessEnv): Console {
  const user = env['RABBITMQ_USERNAME'] || 'guest';
  return { url: 'http://127.0.0.1:15672', user, password: env['RABBITMQ_PASSWORD'] || 'guest' };
}

function grafanaOf(env: NodeJS.ProcessEnv): Console {
  const user = env['GRAFANA_ADMIN_USER'] || 'admin';
  return { url: 'http://127.0.0.1:3000', user, password: env['GRAFANA_ADMIN_PASSWORD'] || 'admin' };
}

/** Health servers that answer now, on the ports of named and elastic workers. */
export async function workersNow(): Promise<readonly string[]> {
  const ports = Array.from({ length: LAST_WORKER_PORT - 9090 }, (_, n) => 9091 + n);
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const live = await Promise.all(urls.map((url) => answers(`${url}/livez`)));
  return urls.filter((_url, at) => live[at]);
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(LOOK_MS) })).status < 500;
  } catch {
    return false;
  }
}

async function sinkAt(origins: readonly string[]): Promise<string | null> {
  for (const origin of origins) {
    const response = await fetch(`${origin}/sink/deliveries`, { signal: AbortSignal.timeout(LOOK_MS) }).catch(() => null);
    if (response?.status === 200) return origin;
  }
  return null;
}

/** Where the workers reach the sink. */
async function addressOf(sink: string): Promise<string | null> {
  const response = await fetch(`${sink}/sink/address`, { signal: AbortSignal.timeout(LOOK_MS) }).catch(() => null);
  if (response?.status !== 200) return null;
  return ((await response.json()) as { readonly address?: string | null }).address ?? null;
}

/** Compose version 2, else version 1. */
async function composeProgram(root: string, env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  for (const argv of [['docker', 'compose'], ['docker-compose']]) {
    if ((await command([...argv, 'version'], { cwd: root, env })).code === 0) return argv;
  }
  throw new Error('neither docker compose nor docker-compose is installed');
}

const COMPOSE_FILES = ['docker-compose.yml', 'docker-compose.scale.yml', 'docker/compose.base.yml', 'docker/compose.watch.yml'];

/**
 * Where the engine is, which project is meant, and whatever the shell says that the compose files ask for: without it compose would make
 * anew, as something else, what it is only to start again.
 */
function dockerEnvironment(root: string): Readonly<Record<string, string>> {
  const files = COMPOSE_FILES.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
  const asked = new Set(files.match(/\b[A-Z][A-Z0-9_]+\b/g));
  const own = Object.entries(process.env).filter(([name]) => /^(DOCKER|COMPOSE)_/.test(name) || asked.has(name));
  return Object.fromEntries(own.map(([name, value]) => [name, value ?? '']));
}

/** `.env` as compose reads it, under what the shell says. */
function settingsOf(root: string): NodeJS.ProcessEnv {
  const file = join(root, '.env');
  const written = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  return { ...(written as NodeJS.ProcessEnv), ...process.env };
}

/** `name_1  | line`: the lines of our own processes alone, as they wrote them. */
function ownLines(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => {
    const [, name = '', said = ''] = /^(\S+)\s+\| (.*)$/.exec(line) ?? [];
    return /(^|[-_])(api|worker)/.test(name) ? [said] : [];
  });
}
