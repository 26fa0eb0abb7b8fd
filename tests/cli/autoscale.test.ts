import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { step, type Workers } from '../../src/cli/autoscale.js';
import { CliError } from '../../src/cli/cli-error.js';
import { type Decision, Scaler } from '../../src/cli/scaler.js';
import { signalbox } from './capture.js';

/** What waits and what is in use as a Prometheus would have it; the drill `autoscale` asks a real one. */
let known: Readonly<Record<string, string>>;
let server: Server;
let prometheus: string;

beforeEach(async () => {
  server = createServer((request, response) => {
    const query = new URL(request.url ?? '', prometheus).searchParams.get('query') ?? '';
    const value = known[query];
    const result = value === undefined ? [] : [{ metric: {}, value: [0, value] }];
    response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  prometheus = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

function fleetOf(workers: number): Workers & { set: (many: number) => Promise<void>; readonly told: number[] } {
  const told: number[] = [];
  return {
    told,
    count: async () => workers,
    set: async (many) => {
      told.push(many);
    },
  };
}

function look(workers: Workers, { dryRun = false, decisions = [] as Decision[] } = {}): Promise<boolean> {
  const scaler = new Scaler({ min: 1, max: 10, waitingPerWorker: 50, use: 0.7, holdMs: 60_000 });
  return step({ scaler, workers, prometheus, dryRun, tell: (_reading, decision) => decisions.push(decision) });
}

describe('signalbox autoscale', () => {
  test('wake-ups and messages count together, and of hands and processors whichever is more', async () => {
    known = { 'signalbox:queue_depth': '120', 'signalbox:message_lag': '80', 'signalbox:records_held_ratio': '0.2' };
    const fleet = fleetOf(2);
    const decisions: Decision[] = [];
    expect(await look(fleet, { decisions })).toBe(true);
    known = { 'signalbox:queue_depth': '0', 'signalbox:records_held_ratio': '0.2', 'avg(signalbox:cpu_ratio{job="worker"})': '1.4' };
    await look(fleet, { decisions });
    expect(fleet.told).toEqual([4, 4]);
    expect(decisions.map(({ because }) => because)).toEqual([
      '200 wait (enough: 4), 20 % in use (enough: 1)',
      '0 wait (enough: 0), 140 % in use (enough: 4)',
    ]);
  });

  test('a dry run changes nothing', async () => {
    known = { 'signalbox:queue_depth': '500' };
    const fleet = fleetOf(2);
    expect(await look(fleet, { dryRun: true })).toBe(true);
    expect(fleet.told).toEqual([]);
  });

  test.each([
    ['knows nothing of the queue', {}],
    ['has only a value that is none', { 'signalbox:queue_depth': 'NaN' }],
  ])('where Prometheus %s nothing changes', async (_case, answers) => {
    known = answers;
    const fleet = fleetOf(8);
    expect(await look(fleet)).toBe(false);
    expect(fleet.told).toEqual([]);
  });

  test('what could not be done is tried again by the next look', async () => {
    known = { 'signalbox:queue_depth': '500' };
    const fleet = { ...fleetOf(2), set: () => Promise.reject(new CliError('the engine is away')) };
    expect(await look(fleet)).toBe(false);
  });

  test.each([
    [['--min', '5', '--max', '3'], 'signalbox: --min 5 is more than --max 3'],
    [['--use', '140'], 'from 1 to 100'],
    [['--on', 'moon'], 'Allowed choices are compose, cluster'],
  ])('%j is not understood', async (options, why) => {
    const { code, err } = await signalbox('autoscale', ...options);
    expect(code).toBe(2);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(err).toContain(why);
  });

  test('without a cluster it says so', async () => {
    const { code, err } = await signalbox('autoscale', '--on', 'cluster', '--directory', '/nowhere', '--once');
    expect([code, err]).toEqual([1, expect.stringContaining('no cluster runs here')]);
  });
});
