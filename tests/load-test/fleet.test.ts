import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Client } from '../../load-test/client.js';
import { askFleet, countOf, type Member } from '../../load-test/fleet.js';
import { FleetWatch } from '../../load-test/fleet-watch.js';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Answers these paths with these values, taken one after the other where there are several; others with 404. */
async function serverOf(answers: Readonly<Record<string, readonly unknown[]>>) {
  const asked: string[] = [];
  const listener: RequestListener = ({ url = '' }, response) => {
    const values = answers[url] ?? [];
    const nth = asked.filter((path) => path === url).length;
    asked.push(url);
    const value = values[Math.min(nth, values.length - 1)];
    response.writeHead(value === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value ?? { code: 'not-found' }));
  };
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${port}`, port, asked };
}

function clientOf(...urls: [string, ...string[]]): Client {
  const client = new Client(urls, 2);
  closing.push(() => client.close());
  return client;
}

function resourcesOf(cpuPercent: number, rssBytes: number, open: number, depth: number | null) {
  return {
    worker: 'w',
    uptimeSeconds: 10,
    cpu: { percent: cpuPercent },
    memory: { rssBytes },
    database: { driver: 'mongodb', open, inUse: 0, limit: 6 },
    queue: { depth, unacked: 1, open: 2 },
  };
}

function metricsOf(delivered: number) {
  const values = [
    { value: delivered, labels: { channel: 'webhook', status: 'delivered' } },
    { value: 5, labels: { channel: 'webhook', status: 'deferred' } },
  ];
  return [
    { name: 'signalbox_claims_total', values: [{ value: 9, labels: {} }] },
    { name: 'signalbox_deliveries_settled_total', values },
  ];
}

const STARTED_AT = '2026-11-22T10:00:00.000Z';

function listed(workerId: string, roles: readonly string[], host: string, port: number | null) {
  return { workerId, roles, host, port, startedAt: STARTED_AT, state: 'running', connections: 3 };
}

describe('A client of several servers', () => {
  test('goes to each in turn', async () => {
    const [one, two] = [await serverOf({ '/livez': [{ status: 'live' }] }), await serverOf({ '/livez': [{ status: 'live' }] })];
    const client = clientOf(one.url, two.url);
    for (let n = 0; n < 6; n += 1) expect((await client.get('/livez')).status).toBe(200);
    expect([one.asked.length, two.asked.length]).toEqual([3, 3]);
  });
});

describe('What is behind a server', () => {
  test('is a cluster: each process with its own address, workers in the order of their numbers', async () => {
    const data = [
      listed('worker-10', ['worker'], hostname(), 9100),
      listed('worker-2', ['worker', 'scheduler'], hostname(), 9092),
      listed('api-1', ['api'], hostname(), 3001),
      listed('far', ['worker'], '192.0.2.7', 9091),
      listed('silent', ['worker'], hostname(), null),
    ];
    const { url } = await serverOf({ '/resources': [resourcesOf(1, 1, 1, 0)], '/api/v1/fleet': [{ data, nextCursor: null }] });
    const fleet = await askFleet(clientOf(url));
    expect(fleet.kind).toBe('cluster');
    expect(fleet.members.map(({ workerId, url: at }) => [workerId, at])).toEqual([
      ['api-1', 'http://127.0.0.1:3001'],
      ['far', 'http://192.0.2.7:9091'],
      ['silent', null],
      ['worker-2', 'http://127.0.0.1:9092'],
      ['worker-10', 'http://127.0.0.1:9100'],
    ]);
    expect(fleet.members[0]?.startedAt).toBe(Date.parse(STARTED_AT));
    expect([countOf(fleet, 'api'), countOf(fleet, 'worker')]).toEqual([1, 4]);
  });

  test('is a cluster too where its balancer tells of the registry only: nobody of it is asked by an inner address', async () => {
    const data = [listed('worker-1', ['worker'], 'worker-1', 9090), listed('api-1', ['api'], 'api-1', 3000)];
    const { url } = await serverOf({ '/api/v1/fleet': [{ data, nextCursor: null }] });
    const fleet = await askFleet(clientOf(url));
    expect(fleet.kind).toBe('cluster');
    expect(fleet.members.map(({ workerId, url: at }) => [workerId, at])).toEqual([
      ['api-1', null],
      ['worker-1', null],
    ]);
  });

  test('is one process, where the store is its own or there is no registry', async () => {
    const own = { worker: 'w', uptimeSeconds: 5, database: { driver: 'embedded', connections: 1 } };
    const { url } = await serverOf({ '/resources': [own] });
    expect(await askFleet(clientOf(url))).toMatchObject({ kind: 'embedded', members: [{ workerId: 'w', url }] });
  });
});

describe('The watch over a fleet', () => {
  test('takes CPU, the most memory and connections, and what each delivered between start and stop', async () => {
    const [api, worker] = [
      await serverOf({ '/resources': [resourcesOf(90, 80e6, 4, 7)], '/metrics': [metricsOf(0)] }),
      await serverOf({
        '/resources': [resourcesOf(99, 100e6, 6, 7), resourcesOf(20, 120e6, 5, 7)],
        '/metrics': [metricsOf(1000), metricsOf(1234)],
      }),
    ];
    const memberOf = (workerId: string, role: string, url: string | null): Member => ({ workerId, roles: [role], url, startedAt: 0 });
    const gone = memberOf('worker-2', 'worker', null);
    const watch = new FleetWatch({
      kind: 'cluster',
      members: [memberOf('worker-1', 'worker', worker.url), gone, memberOf('api-1', 'api', api.url)],
    });
    await watch.start();
    const { kind, members, connections } = await watch.stop();
    expect(kind).toBe('cluster');
    expect(members.map(({ workerId }) => workerId)).toEqual(['api-1', 'worker-1', 'worker-2']);
    // The first look is about the time before.
    expect(members[1]).toMatchObject({ memoryMb: 120, delivered: 234, connections: 6 });
    expect(members[1]?.cpuPercent).toBeCloseTo(20);
    expect(members[2]).toMatchObject({ cpuPercent: null, memoryMb: null, delivered: null, connections: null });
    expect(connections).toBe(9);
  });

  test('has no count of deliveries where the metrics are not to be had', async () => {
    const { url } = await serverOf({ '/resources': [resourcesOf(1, 1e6, 1, null)] });
    const watch = new FleetWatch({ kind: 'cluster', members: [{ workerId: 'w', roles: ['worker'], url, startedAt: 0 }] });
    await watch.start();
    const { members, queueDepth } = await watch.stop();
    expect(members[0]).toMatchObject({ delivered: null, memoryMb: 1 });
    expect(queueDepth).toBeNull();
  });
});
