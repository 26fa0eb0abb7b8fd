import { describe, expect, test } from '@jest/globals';
import { STARTING } from '../../verify/checks/starting.js';
import type { Verdict } from '../../verify/judge.js';
import { judgedBy } from './judged.js';

const UP_AT = Date.parse('2026-11-23T08:00:00Z');

interface Planted {
  readonly service: string;
  /** Seconds after `up`. */
  readonly made: number;
  readonly status?: string;
  readonly exitCode?: number;
  /** Seconds after `up`, each time it said so; none: its log does not go back so far. */
  readonly ready?: readonly number[];
}

const SERVICES = ['worker-1', 'worker-2', 'worker-3', 'worker-4', 'worker-5', 'api-1', 'api-2'];
const WELL: readonly Planted[] = [
  { service: 'preflight', made: 0, status: 'exited' },
  { service: 'mongodb', made: 1 },
  { service: 'migrate', made: 8, status: 'exited' },
  ...SERVICES.map((service, n) => ({ service, made: 12, ready: [15 + n] })),
];

/** The services of the same names, otherwise. */
function but(...changed: readonly Planted[]): readonly Planted[] {
  return [...WELL.filter(({ service }) => !changed.some((one) => one.service === service)), ...changed];
}

function inspected({ service, made, status = 'running', exitCode = 0 }: Planted): object {
  const at = new Date(UP_AT + made * 1_000).toISOString();
  return {
    Id: service,
    Name: `/project_${service}_1`,
    Created: at,
    Config: { Labels: { 'com.docker.compose.service': service }, Healthcheck: { Test: ['CMD', 'healthy'] } },
    State: { Status: status, ExitCode: exitCode, StartedAt: at, ...(status === 'running' ? { Health: { Status: 'healthy' } } : {}) },
  };
}

async function judged(id: string, containers: readonly Planted[]): Promise<Verdict | undefined> {
  const say = (argv: readonly string[]): string => {
    if (argv.includes('ps')) return containers.map(({ service }) => service).join('\n');
    if (argv.includes('inspect')) return JSON.stringify(containers.map(inspected));
    const { ready = [] } = containers.find(({ service }) => service === argv.at(-1)) ?? {};
    return ready.map((s) => JSON.stringify({ time: new Date(UP_AT + s * 1_000).toISOString(), msg: 'ready' })).join('\n');
  };
  return (await judgedBy(STARTING, [id], 'compose', { root: process.cwd(), say }))[0];
}

describe('INF-05', () => {
  test('is met where all are healthy and the one-shot services have ended with 0', async () => {
    expect(await judged('INF-05', WELL)).toMatchObject({ outcome: 'passed', seen: expect.stringContaining('8 containers') });
  });

  test.each([
    ['another service has ended, even with 0', { service: 'worker-2', made: 12, status: 'exited' }],
    ['a one-shot service has ended otherwise', { service: 'migrate', made: 8, status: 'exited', exitCode: 1 }],
    ['a one-shot service still runs', { service: 'migrate', made: 8 }],
    ['one restarts', { service: 'mongodb', made: 1, status: 'restarting' }],
  ])('is not met where %s', async (_what, changed) => {
    expect(await judged('INF-05', but(changed))).toMatchObject({ outcome: 'failed' });
  });
});

describe('INF-09', () => {
  test('is counted from when the first container was made, whenever the process itself was started', async () => {
    expect(await judged('INF-09', WELL)).toMatchObject({ outcome: 'passed', seen: '7 processes ready 15000 to 21000 ms after up' });
    const late = but({ service: 'api-2', made: 28, ready: [31] });
    expect(await judged('INF-09', late)).toMatchObject({ outcome: 'failed', seen: expect.stringContaining('"api-2":31000') });
  });

  test('knows one that was killed and started again by its first start, and one that was made anew by nothing', async () => {
    const again = but({ service: 'worker-1', made: 12, ready: [14, 900] });
    expect(await judged('INF-09', again)).toMatchObject({ outcome: 'passed', seen: '7 processes ready 14000 to 21000 ms after up' });
    const anew = but({ service: 'worker-1', made: 900, ready: [903] });
    expect(await judged('INF-09', anew)).toMatchObject({
      outcome: 'in part',
      seen: '6 processes ready 16000 to 21000 ms after up',
      open: expect.stringContaining('worker-1'),
    });
  });

  test('cannot be told where all were made later, or no log goes back so far', async () => {
    const later = but(...SERVICES.map((service) => ({ service, made: 900, ready: [903] })));
    expect(await judged('INF-09', later)).toMatchObject({ outcome: 'not checked', why: expect.stringContaining('take it down') });
    const silent = but(...SERVICES.map((service) => ({ service, made: 12 })));
    expect(await judged('INF-09', silent)).toMatchObject({ outcome: 'not checked' });
  });
});
