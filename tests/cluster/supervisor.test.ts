import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { ProcessStatus } from '../../src/cluster/supervisor.js';
import { type FakeCluster, fakeCluster, until } from './fake-cluster.js';

let cluster: FakeCluster;
afterEach(() => cluster.dispose());

const states = (): readonly string[] => cluster.supervisor.status().map(({ name, state }) => `${name} ${state}`);
const of = (name: string): ProcessStatus | undefined => cluster.supervisor.status().find((each) => each.name === name);

async function environmentOf(port: number): Promise<Readonly<Record<string, string>>> {
  return (await (await fetch(`http://127.0.0.1:${port}/env`)).json()) as Readonly<Record<string, string>>;
}

describe('A supervisor', () => {
  test('starts APIs and workers, each with its role, its name and its port', async () => {
    cluster = await fakeCluster();
    await cluster.supervisor.start(cluster.tell);
    expect(states()).toEqual(['api-1 ready', 'api-2 ready', 'worker-1 ready', 'worker-2 ready']);
    const counts = { NUM_WORKERS: '2', NUM_API_INSTANCES: '2', SINK: 'off', WORKER_RESTARTS: '0' };
    expect(await environmentOf(cluster.apiPort + 1)).toMatchObject({ ...counts, ROLE: 'api', WORKER_ID: 'api-2' });
    expect(await environmentOf(cluster.workerPort)).toMatchObject({
      ...counts,
      ROLE: 'worker,scheduler,janitor',
      WORKER_ID: 'worker-1',
      PUBLIC_URL: `http://localhost:${cluster.apiPort}`,
    });
  });

  test('leads all to one sink, without overruling what is set', async () => {
    cluster = await fakeCluster({
      apis: 1,
      workers: 1,
      sink: true,
      variables: { PUSH_URL: 'https://push.example.org', WEBHOOK_ALLOW: '10.0.0.0/8' },
    });
    await cluster.supervisor.start(cluster.tell);
    const { page, port } = { page: cluster.supervisor.sinkPage, port: new URL(cluster.supervisor.sinkPage ?? '').port };
    expect(page).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/sink$/);
    expect(await environmentOf(cluster.workerPort)).toMatchObject({
      SMTP_URL: 'smtp://127.0.0.1:2525',
      SMS_URL: `${page}/sms`,
      SMS_EFFECT_CLASS: 'idempotent',
      PUSH_URL: 'https://push.example.org',
      WEBHOOK_ALLOW: `10.0.0.0/8,127.0.0.1:${port},localhost:${port},127.0.0.1:3099`,
    });
  });

  test('starts a process again that dies, counts that, and tells the process', async () => {
    cluster = await fakeCluster();
    await cluster.supervisor.start(cluster.tell);
    process.kill(of('worker-1')?.pid ?? -1, 'SIGKILL');
    await until(() => of('worker-1')?.restarts === 1 && of('worker-1')?.state === 'ready');
    expect(of('worker-1')?.lastExit).toBe('SIGKILL');
    expect(cluster.told).toContain('worker-1 died (SIGKILL); started again in 0.01 s');
    expect((await environmentOf(cluster.workerPort))['WORKER_RESTARTS']).toBe('1');
    expect(of('worker-2')?.restarts).toBe(0);
  });

  test('starts nothing again that refuses its settings', async () => {
    cluster = await fakeCluster();
    await cluster.supervisor.start(cluster.tell);
    await cluster.behave('worker-2', 'refuse');
    process.kill(of('worker-2')?.pid ?? -1, 'SIGKILL');
    await until(() => of('worker-2')?.state === 'refused');
    expect(cluster.told.join('\n')).toContain('LEASE_MS');
  });

  test('does not begin with settings that are refused', async () => {
    cluster = await fakeCluster();
    await cluster.behave('api-1', 'refuse');
    await expect(cluster.supervisor.start(cluster.tell)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('LEASE_MS'),
    });
    expect(states()).toEqual(['api-1 refused', 'api-2 stopped', 'worker-1 stopped', 'worker-2 stopped']);
  });

  test('does not begin when a port is taken, and says whose', async () => {
    cluster = await fakeCluster();
    const squatter = createServer();
    await new Promise<void>((listening) => squatter.listen(cluster.workerPort + 1, '127.0.0.1', listening));
    await expect(cluster.supervisor.start(cluster.tell)).rejects.toThrow(
      `port ${cluster.workerPort + 1}, which worker-2 needs, cannot be had (it is taken)`,
    );
    await new Promise((closed) => squatter.close(closed));
    expect(states()).toEqual([]);
  });

  test('scales up and down; the highest numbers go', async () => {
    cluster = await fakeCluster({ apis: 0 });
    await cluster.supervisor.start(cluster.tell);
    const { pid } = of('worker-1') ?? {};
    await cluster.supervisor.scale('worker', 4, cluster.tell);
    expect(states()).toEqual(['worker-1 ready', 'worker-2 ready', 'worker-3 ready', 'worker-4 ready']);
    expect((await environmentOf(cluster.workerPort + 3))['NUM_WORKERS']).toBe('4');
    await cluster.supervisor.scale('worker', 1, cluster.tell);
    expect(states()).toEqual(['worker-1 ready']);
    expect(of('worker-1')?.pid).toBe(pid);
    await cluster.supervisor.scale('worker', 0, cluster.tell);
    expect(states()).toEqual([]);
  });

  test('restarts one after another, workers first, and counts none of that as a death', async () => {
    cluster = await fakeCluster();
    await cluster.supervisor.start(cluster.tell);
    const before = cluster.supervisor.status().map(({ pid }) => pid);
    const since = cluster.told.length;
    await cluster.supervisor.restartRolling(cluster.tell);
    const order = cluster.told.slice(since).map((line) => line.replace(/ (in order )?after .*/, ''));
    const each = (name: string, at: number) => [`${at} of 4: ${name}`, `${name} ended`, `${name} is ready`];
    expect(order).toEqual(['worker-1', 'worker-2', 'api-1', 'api-2'].flatMap((name, at) => each(name, at + 1)));
    expect(cluster.supervisor.status().some(({ pid }) => before.includes(pid))).toBe(false);
    expect(cluster.supervisor.status().map(({ restarts }) => restarts)).toEqual([0, 0, 0, 0]);
  });

  test('does one thing at a time, and knows its processes', async () => {
    cluster = await fakeCluster({ apis: 0, workers: 1 });
    const starting = cluster.supervisor.start(cluster.tell);
    await expect(cluster.supervisor.scale('worker', 2, cluster.tell)).rejects.toThrow('start is under way');
    await starting;
    await expect(cluster.supervisor.restart('worker-7', cluster.tell)).rejects.toThrow('there is no process worker-7; there are worker-1');
    const { pid } = of('worker-1') ?? {};
    await cluster.supervisor.restart('worker-1', cluster.tell);
    expect(of('worker-1')?.pid).not.toBe(pid);
  });

  test('ends APIs, then workers, then the sink', async () => {
    cluster = await fakeCluster({ sink: true });
    await cluster.supervisor.start(cluster.tell);
    const since = cluster.told.length;
    expect(await cluster.supervisor.stop(cluster.tell)).toBe(true);
    const order = cluster.told.slice(since).map((line) => line.split(/[- ]/, 1)[0]);
    expect(order).toEqual(['api', 'api', 'worker', 'worker', 'sink']);
    await expect(cluster.supervisor.restart('worker-1', cluster.tell)).rejects.toThrow('stop is under way');
  });

  test('kills what heeds no signal, when its time is over, and says so', async () => {
    cluster = await fakeCluster({ apis: 0, workers: 1, graceMs: 200 });
    await cluster.supervisor.start(cluster.tell);
    await cluster.behave('worker-1', 'deaf');
    expect(await cluster.supervisor.stop(cluster.tell)).toBe(false);
    expect(cluster.told).toContain('worker-1 has not ended within 200 ms: killed');
  });

  test('can be stopped while it starts', async () => {
    cluster = await fakeCluster();
    const starting = cluster.supervisor.start(cluster.tell).then(
      () => 'started',
      (error: Error) => error.message,
    );
    await until(() => of('api-1')?.pid !== null && of('api-1') !== undefined);
    await cluster.supervisor.stop(cluster.tell);
    expect(await starting).toMatch(/cut short/);
    expect(cluster.supervisor.status().every(({ pid }) => pid === null)).toBe(true);
  });

  test('keeps the log of each process, and what it says beside it as lines of the same kind', async () => {
    cluster = await fakeCluster({ apis: 0, workers: 1 });
    await cluster.supervisor.start(cluster.tell);
    await cluster.supervisor.restart('worker-1', cluster.tell);
    const file = await readFile(join(cluster.directory, 'logs/worker-1.log'), 'utf8');
    const lines = file.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { worker: 'worker-1', msg: 'ready' },
      { worker: 'worker-1', msg: 'worker-1 drains' },
      { worker: 'worker-1', msg: 'ready' },
    ]);
    expect(cluster.logged.join('')).toBe(file);
  });
});
