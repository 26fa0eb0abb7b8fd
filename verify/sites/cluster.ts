import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClusterClient, type ClusterStatus } from '../../src/cli/cluster-client.js';
import { surroundings } from '../../src/cluster/surroundings.js';
import { startChild } from '../../tests/support/child.js';
import { startOwn } from '../../tests/support/servers/own.js';
import { isFree } from '../../tests/support/servers/ports.js';
import type { Site } from '../site.js';
import { linesOf, QUICK } from './embedded.js';

const APIS = 2;
const WORKERS = 5;
/** Scaling adds to them. */
const WORKER_PORTS = 12;
const READY_WITHIN_MS = 120_000;
/** Of our own cluster: a dead worker's work is taken up again within a check. */
const LEASE = { LEASE_MS: '10000', SEND_TIMEOUT_MS: '7000' };

/** The cluster of this directory that runs; null where none does. */
export async function findCluster(root: string, apiKey: string | null): Promise<Site | null> {
  const directory = join(root, 'data/cluster');
  const status = await statusOf(directory);
  if (status === null) return null;
  const { values, variables } = surroundings(root);
  const environment = Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  const found = siteOf(directory, status, { environment, pollIntervalMs: values.pollIntervalMs });
  return { ...found, apiKey, metricsToken: values.metricsToken, about: `the cluster of ${directory}: ${found.about}` };
}

async function statusOf(directory: string): Promise<ClusterStatus | null> {
  try {
    return await new ClusterClient(directory).status();
  } catch {
    return null;
  }
}

/** Servers, two APIs and five workers of our own: only these may be taken away from under each other. */
export async function openCluster(build: string, say: (line: string) => void): Promise<Site> {
  say('no cluster runs here: starting MongoDB, RabbitMQ, Redis and a cluster');
  const undo: (() => Promise<unknown>)[] = [];
  const end = async (): Promise<void> => {
    for (const each of undo.splice(0)) await each();
  };
  try {
    const [mongodb, rabbitmq, redis] = await Promise.all([
      startOwn('mongodb'),
      startOwn('rabbitmq', { managementPort: 0 }),
      startOwn('redis'),
    ]);
    undo.unshift(
      () => mongodb.dispose(),
      () => rabbitmq.dispose(),
      () => redis.dispose(),
    );
    const environment = {
      PATH: process.env['PATH'] ?? '',
      MONGODB_URI: withDatabase(mongodb.uri),
      RABBITMQ_URL: rabbitmq.uri,
      REDIS_URL: redis.uri,
      ...QUICK,
      ...LEASE,
    };
    const directory = join(build, 'data/cluster');
    const ports = ['--api-port', await freeFrom(3001, APIS), '--worker-port', await freeFrom(9091, WORKER_PORTS)];
    const counts = ['--api', String(APIS), '--workers', String(WORKERS)];
    const argv = [join(build, 'dist/cluster/main.js'), ...counts, ...ports, '--directory', directory, '--quiet'];
    const startedAt = performance.now();
    const { child } = await startChild({ argv, cwd: build, env: environment, readyWithinMs: READY_WITHIN_MS }, (line) =>
      line.includes('processes are ready') ? true : null,
    );
    undo.unshift(() => child.stop(60_000));
    const startMs = Math.round(performance.now() - startedAt);
    const status = await new ClusterClient(directory).status();
    const found = siteOf(directory, status, { environment, pollIntervalMs: Number(QUICK.POLL_INTERVAL_MS) });
    const management = { url: rabbitmq.managementUrl ?? '', user: 'guest', password: 'guest' };
    const servers = { mongodb, rabbitmq, redis };
    return {
      ...found,
      expected: { apis: APIS, workers: WORKERS },
      management,
      servers,
      startMs,
      about: `a cluster of its own: ${found.about}`,
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function siteOf(
  directory: string,
  { processes, sink }: ClusterStatus,
  { environment, pollIntervalMs }: Pick<Site, 'environment' | 'pollIntervalMs'>,
): Site {
  const urls = (kind: 'api' | 'worker'): readonly string[] =>
    processes.flatMap((one) => (one.kind === kind && one.port !== null ? [`http://127.0.0.1:${one.port}`] : []));
  const apis = urls('api');
  const workers = urls('worker');
  const [front = ''] = apis;
  return {
    target: 'cluster',
    front,
    balancer: null,
    sinkAddress: null,
    apis,
    workers,
    expected: { apis: apis.length, workers: workers.length },
    sink: sink === null ? null : new URL(sink).origin,
    pollIntervalMs,
    apiKey: null,
    metricsToken: null,
    management: null,
    prometheus: null,
    alertmanager: null,
    grafana: null,
    servers: null,
    clusterDirectory: directory,
    compose: null,
    environment,
    startMs: null,
    about: `${apis.length} APIs from ${front} on, ${workers.length} workers from ${workers[0] ?? 'nowhere'} on, MongoDB, RabbitMQ, Redis`,
    logs: () => Promise.resolve(logLines(join(directory, 'logs'))),
    end: () => Promise.resolve(),
  };
}

function logLines(directory: string): readonly string[] {
  const files = readdirSync(directory).filter((name) => /^(api|worker)-\d+\.log$/.test(name));
  return files.flatMap((name) => linesOf(readFileSync(join(directory, name), 'utf8')));
}

/** So many ports in a row, the usual ones where they are free. */
async function freeFrom(usual: number, many: number): Promise<string> {
  for (const first of [usual, ...Array.from({ length: 200 }, (_, n) => 20_000 + usual + n * 50)]) {
    const free = await Promise.all(Array.from({ length: many }, (_, n) => isFree(first + n)));
    if (free.every(Boolean)) return String(first);
  }
  throw new Error(`no ${many} free ports in a row`);
}

/** A database of its own. */
function withDatabase(uri: string): string {
  const url = new URL(uri);
  if (url.pathname.length <= 1) url.pathname = '/verify';
  return url.href;
}
