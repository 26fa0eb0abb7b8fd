import { describe, expect, test } from '@jest/globals';
import express, { type Router } from 'express';
import request from 'supertest';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import { fleetRoutes } from '../../src/ingress/fleet-routes.js';
import { type HealthDeps, healthRoutes } from '../../src/ingress/health.js';
import { workerHealthRoutes } from '../../src/ingress/worker-health.js';
import type { Timers } from '../../src/ports/clock.js';
import type { SeenMember } from '../../src/ports/fleet.js';
import type { Fact } from '../../src/ports/watch.js';
import { createWorkCounts } from '../../src/telemetry/work-counts.js';
import { HandClock } from '../support/hand-clock.js';

/** Servers that answer, refuse or hang at will, and how often each was asked. */
function servers() {
  const how = { database: 'answers', messageQueue: 'answers', redis: 'answers' };
  const asked = { database: 0, messageQueue: 0, redis: 0 };
  const probe = (name: keyof typeof how) => (): Promise<void> => {
    asked[name] += 1;
    if (how[name] === 'hangs') return new Promise(() => undefined);
    return how[name] === 'answers' ? Promise.resolve() : Promise.reject(new Error('away'));
  };
  return { how, asked, probes: { database: probe('database'), messageQueue: probe('messageQueue'), redis: probe('redis') } };
}

/** Timers that fire at once: whoever hangs is given up on without waiting for it. */
const IMPATIENT: Timers = {
  after(_delayMs, fire) {
    const handle = setTimeout(fire, 20);
    return { cancel: () => clearTimeout(handle) };
  },
};

const clock = new HandClock();

function deps(change: Partial<HealthDeps> = {}): HealthDeps {
  return {
    service: { name: 'signalbox', version: 'test' },
    worker: 'worker-1',
    kind: 'cluster',
    probes: servers().probes,
    clock,
    timers: createSystemTimers(),
    draining: () => false,
    metrics: { text: async () => '# text\n', json: async () => [], contentType: 'text/plain' },
    metricsToken: null,
    reader: { backlog: async () => ({ open: 7, deliveries: {}, oldestDueMs: 12 }) },
    queue: { depth: async () => ({ waiting: 3, taken: 2 }) },
    consumers: () => 5,
    connections: () => ({ open: 4, inUse: 1, limit: 6 }),
    ...change,
  };
}

function get(router: Router, path: string) {
  return request(express().use(router)).get(path);
}

describe('The health of an API', () => {
  test('is what the contract says, when all answer', async () => {
    const { status, text } = await get(healthRoutes(deps()), '/health');
    expect([status, text]).toEqual([200, '{"status":"healthy","database":"connected","redis":"connected","messageQueue":"connected"}']);
  });

  test.each(['database', 'messageQueue', 'redis'] as const)(
    'is 503 and names %s when that is away or hangs, and 200 again by itself',
    async (name) => {
      const time = new HandClock();
      const { how, probes } = servers();
      const router = healthRoutes(deps({ probes, clock: time, timers: IMPATIENT }));
      for (const trouble of ['refuses', 'hangs']) {
        how[name] = trouble;
        time.advance(1_000);
        const { status, body } = await get(router, '/health');
        expect([status, body.status, body[name]]).toEqual([503, 'unhealthy', 'disconnected']);
      }
      how[name] = 'answers';
      time.advance(1_000);
      expect((await get(router, '/health')).status).toBe(200);
    },
  );

  test('asks each server once, however many ask it', async () => {
    const { asked, probes } = servers();
    const router = healthRoutes(deps({ probes }));
    await Promise.all(Array.from({ length: 20 }, () => get(router, '/health')));
    expect(asked).toEqual({ database: 1, messageQueue: 1, redis: 1 });
  });

  test('tells a Redis that nobody wants from one that is away', async () => {
    const probes = { ...servers().probes, redis: null };
    expect((await get(healthRoutes(deps({ probes })), '/health')).body.redis).toBe('not configured');
    expect((await get(healthRoutes(deps({ probes, kind: 'embedded' })), '/health')).body).toMatchObject({
      status: 'healthy',
      redis: 'embedded',
    });
  });

  test('is ready without broker and Redis, and not without the store or while it drains', async () => {
    const { how, probes } = servers();
    how.messageQueue = 'refuses';
    how.redis = 'refuses';
    expect((await get(healthRoutes(deps({ probes })), '/readyz')).status).toBe(200);
    expect((await get(healthRoutes(deps({ probes, draining: () => true })), '/readyz')).body).toEqual({ status: 'draining' });
    how.database = 'refuses';
    expect((await get(healthRoutes(deps({ probes })), '/readyz')).status).toBe(503);
    expect((await get(healthRoutes(deps({ probes })), '/livez')).status).toBe(200);
  });
});

describe('The health of a worker', () => {
  const settled = (status: string): Fact => ({ kind: 'settled', delivery: { status } }) as unknown as Fact;

  test('names the worker and counts what it finished; idle it succeeds in all', async () => {
    const counts = createWorkCounts();
    const router = workerHealthRoutes({ ...deps(), isRunning: () => true, counts });
    const { status, body } = await get(router, '/health');
    const worker = { workerId: 'worker-1', isRunning: true, processedCount: 0, failedCount: 0, successRate: 100 };
    const servers_ = { database: { connected: true }, redis: { connected: true }, messageQueue: { connected: true } };
    expect([status, body]).toEqual([200, { status: 'healthy', worker, ...servers_ }]);
    for (const each of ['delivered', 'delivered', 'dead', 'queued', 'deferred', 'processing']) counts.count(settled(each));
    expect((await get(router, '/health')).body.worker).toMatchObject({ processedCount: 3, failedCount: 1, successRate: 66.67 });
  });

  test('is 503 when a server it needs is away', async () => {
    const { how, probes } = servers();
    how.messageQueue = 'refuses';
    const router = workerHealthRoutes({ ...deps({ probes }), isRunning: () => true, counts: createWorkCounts() });
    const { status, body } = await get(router, '/health');
    expect([status, body.status, body.messageQueue]).toEqual([503, 'unhealthy', { connected: false }]);
  });

  test('comes with what it uses, and with null for what nobody answers', async () => {
    const router = workerHealthRoutes({ ...deps(), isRunning: () => true, counts: createWorkCounts() });
    expect((await get(router, '/resources')).body).toMatchObject({
      worker: 'worker-1',
      cpu: { percent: expect.any(Number) },
      memory: { rssBytes: expect.any(Number) },
      eventLoop: { lagP99Ms: expect.any(Number) },
      database: { driver: 'mongodb', open: 4, inUse: 1, limit: 6 },
      queue: { depth: 3, unacked: 2, consumers: 5, open: 7, oldestDueMs: 12 },
    });
    const away = { depth: () => Promise.reject(new Error('away')) };
    const without = workerHealthRoutes({ ...deps({ queue: away }), isRunning: () => true, counts: createWorkCounts() });
    expect((await get(without, '/resources')).body.queue).toMatchObject({ depth: null, unacked: null, open: 7 });
  });
});

describe('The fleet', () => {
  test('shows every process that lives, its duties, and the connections of all', async () => {
    const member: SeenMember = {
      workerId: 'worker-1',
      incarnation: 'x',
      roles: ['worker', 'janitor'],
      host: 'here',
      pid: 7,
      version: '1',
      port: 9091,
      startedAt: 0,
      state: 'running',
      holds: 3,
      processed: 10,
      failed: 1,
      connections: 4,
      seenAt: 1_000,
      livesUntil: 16_000,
    };
    const held = async () => [
      { duty: 'sweeper', holder: 'worker-1', until: 9 },
      { duty: 'janitor', holder: 'worker-2', until: 9 },
    ];
    const members = async () => [member, { ...member, workerId: 'worker-2' }];
    const { body } = await get(fleetRoutes({ members, duties: { held } }), '/fleet');
    expect(body).toMatchObject({ connections: 8, nextCursor: null });
    expect(body.data[0]).toMatchObject({
      workerId: 'worker-1',
      state: 'running',
      held: 3,
      duties: ['sweeper'],
      seenAt: '1970-01-01T00:00:01.000Z',
    });
    expect(body.data[1]).toMatchObject({ workerId: 'worker-2', duties: ['janitor'] });
  });
});
