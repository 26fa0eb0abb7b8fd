import { hold } from './check.js';
import type { World } from './world.js';

/** Where a metric stands, summed over its labels, or over those lines that hold `having`; null: there is no such line. */
export type Metrics = (name: string, having?: string) => number | null;

/** Reads Prometheus' text format. */
export function metricsIn(text: string): Metrics {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return (name, having = '') => {
    const own = lines.filter((line) => /^[^{\s]+/.exec(line)?.[0] === name && line.includes(having));
    return own.length === 0 ? null : own.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  };
}

export async function metricsText(world: World, origin: string): Promise<string> {
  return (await world.expect(200, `${origin}/metrics`, { headers: { accept: 'text/plain' } })).text;
}

/** Those of every process of the site together; null where none has it. */
export async function allMetrics(world: World): Promise<Metrics> {
  const each = (await Promise.all(processes(world).map((origin) => metricsText(world, origin)))).map(metricsIn);
  return (name, having) => {
    const known = each.map((one) => one(name, having)).filter((value) => value !== null);
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
  };
}

/** Every process of the site that serves HTTP. */
export function processes({ site }: World): readonly string[] {
  return [...site.apis, ...site.workers];
}

export interface Resources {
  readonly worker: string;
  readonly uptimeSeconds: number;
  readonly cpu: { readonly percent: number };
  readonly memory: { readonly rssBytes: number; readonly heapUsedBytes: number };
  readonly eventLoop: { readonly lagP50Ms: number; readonly lagP99Ms: number };
  readonly database: { readonly driver: string; readonly open: number; readonly inUse: number; readonly limit: number };
  readonly queue: {
    readonly depth: number | null;
    readonly unacked: number | null;
    readonly consumers: number;
    readonly open: number | null;
    readonly oldestDueMs: number | null;
  };
}

export async function resources(world: World, origin: string): Promise<Resources> {
  const { body } = await world.expect<Resources>(200, `${origin}/resources`);
  hold(
    typeof body?.worker === 'string' && typeof body.database === 'object' && typeof body.queue === 'object',
    `/resources of ${origin}`,
    body,
  );
  return body;
}

export interface WorkerHealth {
  readonly status: string;
  readonly worker: {
    readonly workerId: string;
    readonly isRunning: boolean;
    readonly processedCount: number;
    readonly failedCount: number;
    readonly successRate: number;
  };
  readonly database: { readonly connected: boolean };
}

export async function workerHealth(world: World, origin: string): Promise<WorkerHealth> {
  const { body } = await world.expect<WorkerHealth>(200, `${origin}/health`);
  hold(typeof body?.worker?.workerId === 'string', `the health of the worker at ${origin}`, body);
  return body;
}

/** All workers' health, by their origin. */
export function workersHealth(world: World): Promise<readonly WorkerHealth[]> {
  return Promise.all(world.site.workers.map((origin) => workerHealth(world, origin)));
}

/** @throws Failure where one of them is no number of at least `least` */
export function numbers(of: Readonly<Record<string, unknown>>, what: string, least = 0): void {
  for (const [name, value] of Object.entries(of)) {
    hold(typeof value === 'number' && Number.isFinite(value) && value >= least, `${what}.${name} to be a number of at least ${least}`, of);
  }
}
