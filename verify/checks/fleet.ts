import { join } from 'node:path';
import { type Child, startChild } from '../../tests/support/child.js';
import { freePorts } from '../../tests/support/servers/ports.js';
import { type Check, hold, same } from '../check.js';
import { accept, fresh, read } from '../notify.js';
import { resources, workerHealth, workersHealth } from '../reading.js';
import type { World } from '../world.js';
import { ALONE, refused } from './settings.js';

const SERVERS = 'embedded there are no servers: measured with --target cluster or compose';
const FLEET = ['cluster', 'compose'] as const;

async function workerIds(world: World): Promise<string> {
  const ids = (await workersHealth(world)).map(({ worker }) => worker.workerId);
  same(new Set(ids).size, ids.length, 'distinct workerIds');
  hold(ids.length >= world.site.expected.workers, `at least ${world.site.expected.workers} workers`, ids);
  return `${ids.length} distinct: ${ids.join(', ')}`;
}

async function instances(world: World): Promise<string> {
  same(world.site.apis.length, world.site.expected.apis, 'the number of APIs');
  const names = new Set<string>();
  for (const origin of world.site.apis) {
    await world.expect(200, `${origin}/health`);
    names.add((await resources(world, origin)).worker);
  }
  same(names.size, world.site.expected.apis, 'distinct APIs');
  if (world.site.front === world.site.apis[0]) return `${[...names].join(', ')} healthy`;
  const counts = (): Promise<readonly number[]> => Promise.all(world.site.apis.map((origin) => served(world, origin)));
  const before = await counts();
  for (let n = 0; n < 40; n += 1) await world.expect(200, '/api/v1/notifications?limit=1');
  const shares = (await counts()).map((count, at) => count - (before[at] ?? 0));
  hold(
    shares.every((share) => share > 0),
    'the balancer to send requests to every API',
    shares,
  );
  return `${[...names].join(', ')} healthy; of 40 requests through the balancer ${shares.join(' and ')}`;
}

async function served(world: World, origin: string): Promise<number> {
  const text = (await world.expect(200, `${origin}/metrics`)).text;
  const line = text
    .split('\n')
    .find((one) => one.startsWith('signalbox_http_requests_total') && one.includes('/api/v1/notifications"') && one.includes('GET'));
  return Number(line?.split(' ').at(-1) ?? 0);
}

async function realStore(world: World): Promise<string> {
  for (const origin of world.site.apis) same((await resources(world, origin)).database.driver, 'mongodb', `the store of ${origin}`);
  const id = await accept(world, {}, world.site.apis[0]);
  for (const origin of world.site.apis) await read(world, id, origin);
  return `what one API accepts, all ${world.site.apis.length} read from MongoDB`;
}

/** For idle connections to be closed, and the share to be told. */
const SETTLED_MS = 40_000;

async function connections(world: World): Promise<string> {
  const budget = Number(world.site.environment['MONGODB_MAX_POOL_SIZE'] ?? 50);
  const { body } = await world.expect<{ connections: number; data: readonly object[] }>(200, '/api/v1/fleet');
  const asked = [...world.site.apis, ...world.site.workers];
  const looks = () => Promise.all(asked.map(async (origin) => (await resources(world, origin)).database));
  // Whoever was there first had the others' share until it heard of them, and closes what it does not need when it has been idle for a while.
  const limits = await world.until(
    `shares of ${budget} in all, and no process above its own but for the heartbeat's connection`,
    async () => {
      const now = await looks();
      const shares = now.reduce((sum, one) => sum + one.limit, 0);
      return shares <= budget && now.every(({ open, limit: share }) => share > 0 && open <= share + 1) ? now : null;
    },
    SETTLED_MS,
  );
  const limit = limits.reduce((sum, one) => sum + one.limit, 0);
  hold(body.connections > 0 && body.connections <= budget && limit <= budget, `at most ${budget} connections in all`, {
    now: body.connections,
    limit,
  });
  return `${body.connections} connections now, at most ${limit} of a budget of ${budget}, by ${body.data.length} processes`;
}

async function broker(world: World): Promise<string> {
  const { body } = await world.expect(200, '/health');
  same(body['messageQueue'], 'connected', 'the broker');
  return 'every API is connected to RabbitMQ';
}

async function directUrl(world: World): Promise<string> {
  const env = { ...world.site.environment };
  const real = env['MONGODB_URI'] ?? '';
  hold(real !== '', 'a MongoDB address', real);
  const argv = ['node', 'bin/signalbox.mjs', 'migrate', 'status'];
  // The pooled address leads nowhere: only the direct one can have answered.
  const { stdout } = await world.succeed(argv, { env: { ...env, MONGODB_URI: 'mongodb://127.0.0.1:9/x', DIRECT_DATABASE_URL: real } });
  const lost = await world.run(argv, { env: { ...env, MONGODB_URI: 'mongodb://127.0.0.1:9/x' } });
  hold(lost.code !== 0, 'migrate to fail without it', lost.stdout);
  return `migrate went by DIRECT_DATABASE_URL: ${stdout.trim().split('\n')[0]}`;
}

async function poolShares(world: World): Promise<string> {
  const all = await Promise.all([...world.site.apis, ...world.site.workers].map((origin) => resources(world, origin)));
  for (const { worker, database } of all) hold(database.open > 0 && database.open <= database.limit, `${worker} within its pool`, database);
  refused({ ...ALONE, MONGODB_MAX_POOL_SIZE: '1' }, /MONGODB_MAX_POOL_SIZE/);
  return all.map(({ worker, database }) => `${worker} ${database.open}/${database.limit}`).join(', ');
}

async function discovery(world: World): Promise<string> {
  const { body } = await world.expect<{ data: readonly { workerId: string; roles: readonly string[] }[] }>(200, '/api/v1/fleet');
  const ids = (await workersHealth(world)).map(({ worker }) => worker.workerId);
  same(
    ids.filter((id) => !body.data.some(({ workerId }) => workerId === id)),
    [],
    'workers that the registry misses',
  );
  return `the registry knows ${body.data.length} processes`;
}

const HERE = ['cluster'] as const;
const JOINS = 'needs the servers’ addresses, to join with one more worker: measured with --target cluster';

/** One more worker of this fleet; it ends with the check. */
async function joining(world: World, settings: Readonly<Record<string, string>>): Promise<Child> {
  const env = { ...world.site.environment, WORKER_ID: fresh('joins'), ...settings };
  const argv = [join(world.root, 'dist/worker.js')];
  const { child } = await startChild({ argv, cwd: world.root, env }, (line) => (line.includes('"msg":"ready"') ? true : null));
  world.atEnd(() => child.stop());
  world.note({ joined: settings, pid: child.pid });
  return child;
}

async function healthServer(world: World): Promise<string> {
  const [port = 0] = await freePorts(1);
  await joining(world, { HEALTH_CHECK_PORT: String(port) });
  const { worker } = await workerHealth(world, `http://127.0.0.1:${port}`);
  const [off = 0] = await freePorts(1);
  const silent = await joining(world, { HEALTH_CHECK_PORT: String(off), HEALTH_CHECK_ENABLED: 'false' });
  const answer = await world.call(`http://127.0.0.1:${off}/health`).catch(() => null);
  hold(silent.running && answer === null, 'a worker that runs and answers nobody', answer?.status ?? 'it has ended');
  return `${worker.workerId} answers on HEALTH_CHECK_PORT ${port}; with HEALTH_CHECK_ENABLED=false nobody answers`;
}

/** The settings that make many processes one fleet. */
export const OF_A_FLEET: readonly Check[] = [
  { id: 'ENV-01', on: FLEET, elsewhere: 'one process is the only worker', run: workerIds },
  { id: 'ENV-02', on: FLEET, elsewhere: 'one process is the only API', run: instances },
  { id: 'ENV-07', on: FLEET, elsewhere: SERVERS, run: realStore },
  { id: 'ENV-08', on: FLEET, elsewhere: SERVERS, run: connections },
  { id: 'ENV-11', on: FLEET, elsewhere: SERVERS, run: broker },
  {
    id: 'ENV-14',
    on: ['cluster'],
    elsewhere: 'needs the address of the database from here: measured with --target cluster',
    run: directUrl,
  },
  { id: 'ENV-32', on: HERE, elsewhere: JOINS, run: healthServer },
  { id: 'ENV-33', on: HERE, elsewhere: JOINS, run: healthServer },
  { id: 'ENV-40', on: FLEET, elsewhere: SERVERS, run: poolShares },
  { id: 'ENV-41', on: FLEET, elsewhere: 'one process has nobody to find', run: discovery },
  { id: 'X-12', on: FLEET, elsewhere: SERVERS, run: connections },
];
