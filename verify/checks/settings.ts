import { join } from 'node:path';
import { type Config, ConfigError, loadConfig } from '../../src/config.js';
import { type Child, startChild } from '../../tests/support/child.js';
import { freePorts } from '../../tests/support/servers/ports.js';
import { type Check, hold, same } from '../check.js';
import { accept, acceptMany, allReach, delivery, fresh, reaches, read, Sink, tookMs } from '../notify.js';
import { resources, workerHealth, workersHealth } from '../reading.js';
import type { World } from '../world.js';

const SERVERS = 'embedded there are no servers: measured with --target cluster or compose';
const FLEET = ['cluster', 'compose'] as const;
const ALONE = { MONGODB_URI: 'mongodb://mongodb:27017/notifications', RABBITMQ_URL: 'amqp://rabbitmq:5672' };

/** What the program makes of these settings: its configuration, or what it says is wrong. */
export function judged(settings: Readonly<Record<string, string>>): { readonly config: Config | null; readonly said: readonly string[] } {
  try {
    const config = loadConfig(settings);
    return { config, said: config.warnings };
  } catch (error) {
    if (error instanceof ConfigError) return { config: null, said: error.lines };
    throw error;
  }
}

/** @throws Failure unless it is refused with a line about this setting */
export function refused(settings: Readonly<Record<string, string>>, about: RegExp): string {
  const { config, said } = judged(settings);
  hold(config === null && said.some((line) => about.test(line)), `${JSON.stringify(settings)} to be refused with ${about}`, said);
  return said.find((line) => about.test(line)) ?? '';
}

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

async function batchSize(): Promise<string> {
  same(judged({ WORKER_BATCH_SIZE: '7' }).config?.workerBatchSize, 7, 'WORKER_BATCH_SIZE=7');
  same(judged({}).config?.workerBatchSize, 50, 'the default');
  refused({ WORKER_BATCH_SIZE: '0' }, /WORKER_BATCH_SIZE/);
  const { said } = judged({ ...ALONE, WORKER_BATCH_SIZE: '50', PREFETCH_COUNT: '10' });
  hold(
    said.some((line) => /PREFETCH_COUNT|WORKER_BATCH_SIZE/.test(line)),
    'a remark that a batch of 50 cannot fill with a prefetch of 10',
    said,
  );
  return `default 50, 0 refused; with prefetch 10: ${said.find((line) => /PREFETCH|BATCH/.test(line))}`;
}

async function lockDuration(world: World): Promise<string> {
  const cap = judged({}).config?.lockDurationMs ?? 0;
  same(cap, 300_000, 'LOCK_DURATION_MS unless set');
  const line = refused({ LOCK_DURATION_MS: '10000', LEASE_MS: '30000' }, /LOCK_DURATION_MS/);
  if (world.site.sink === null) return `300000 unless set; below the lease refused: ${line}`;
  const sink = Sink.of(world);
  const name = fresh('held');
  await sink.behave(name, [{ do: 'delay', delayMs: 1_500 }]);
  const id = await accept(world, sink.to(name));
  const told = await world.until('a lease on what is being sent', async () => {
    const now = await read(world, id);
    return now.lock.lockedUntil === null ? null : now;
  });
  const left = Date.parse(told.lock.lockedUntil ?? '') - Date.now();
  hold(left > 0 && left <= cap, `a lease of at most ${cap} ms`, `${left} ms`);
  await reaches(world, id, 'delivered');
  return `a lease under way ends in ${left} ms, within the cap of ${cap}; a cap below the lease is refused`;
}

async function pollIsANet(world: World): Promise<string> {
  const { pollIntervalMs } = world.site;
  const limit = Math.min(2_000, pollIntervalMs / 2);
  const told = await allReach(world, await acceptMany(world, 20, () => ({})), 'delivered');
  const slowest = Math.max(...told.map(tookMs));
  hold(slowest < limit, `each of 20 within ${limit} ms at POLL_INTERVAL_MS=${pollIntervalMs}`, `${slowest} ms`);
  return `POLL_INTERVAL_MS=${pollIntervalMs}: the slowest of 20 took ${slowest} ms`;
}

async function realStore(world: World): Promise<string> {
  for (const origin of world.site.apis) same((await resources(world, origin)).database.driver, 'mongodb', `the store of ${origin}`);
  const id = await accept(world, {}, world.site.apis[0]);
  for (const origin of world.site.apis) await read(world, id, origin);
  return `what one API accepts, all ${world.site.apis.length} read from MongoDB`;
}

async function connections(world: World): Promise<string> {
  const budget = Number(world.site.environment['MONGODB_MAX_POOL_SIZE'] ?? 50);
  const { body } = await world.expect<{ connections: number; data: readonly object[] }>(200, '/api/v1/fleet');
  const limits = await Promise.all(
    [...world.site.apis, ...world.site.workers].map(async (origin) => (await resources(world, origin)).database),
  );
  const limit = limits.reduce((sum, one) => sum + one.limit, 0);
  for (const one of limits) hold(one.open <= one.limit && one.limit > 0, 'no process above its share', one);
  hold(body.connections > 0 && body.connections <= budget && limit <= budget, `at most ${budget} connections in all`, {
    now: body.connections,
    limit,
  });
  return `${body.connections} connections now, at most ${limit} of a budget of ${budget}, by ${body.data.length} processes`;
}

async function redisUrl(world: World): Promise<string> {
  const tls = judged({ ...ALONE, REDIS_URL: 'rediss://:secret@redis.example:6380' });
  hold(tls.config?.servers.redis?.url.startsWith('rediss://') === true, 'rediss:// to be accepted', tls.said);
  refused({ ...ALONE, REDIS_URL: 'http://redis:6379' }, /REDIS_URL/);
  const wanted = world.site.target === 'embedded' ? 'embedded' : 'connected';
  const { body } = await world.expect(200, '/health');
  same(body['redis'], wanted, 'Redis in /health');
  return `${wanted}; rediss:// accepted, http:// refused`;
}

async function broker(world: World): Promise<string> {
  const { body } = await world.expect(200, '/health');
  same(body['messageQueue'], 'connected', 'the broker');
  return 'every API is connected to RabbitMQ';
}

async function aliases(): Promise<string> {
  const line = refused({ DATABASE_URL: 'postgres://user:secret@localhost:5432/x' }, /Postgres is not built in/);
  hold(!line.includes('secret'), 'no secret in the complaint', line);
  const mongo = judged({ ...ALONE, MONGODB_URI: '', DATABASE_URL: ALONE.MONGODB_URI });
  same(mongo.config?.servers.mongodb?.uri, ALONE.MONGODB_URI, 'DATABASE_URL=mongodb://…');
  const file = judged({ DATABASE_URL: 'file:./elsewhere' });
  same([file.config?.servers.mongodb, file.config?.dataDir], [null, './elsewhere'], 'DATABASE_URL=file:./elsewhere');
  return `mongodb:// and file: choose the store; postgres: "${line}"`;
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

async function workerName(world: World): Promise<string> {
  const told = await reaches(world, await accept(world), 'delivered');
  const by = delivery(told).attempts[0]?.worker ?? '';
  const names = await Promise.all(
    [...world.site.apis, ...world.site.workers].map(async (origin) => (await resources(world, origin)).worker),
  );
  hold(names.includes(by), `the attempt to name one of ${names.join(', ')}`, by);
  const lines = await world.site.logs();
  hold(
    lines.some((line) => line.includes(`"worker":"${by}"`)),
    `log lines of ${by}`,
    `${lines.length} lines`,
  );
  if (world.site.target !== 'embedded') {
    const { body } = await world.expect<{ data: readonly { workerId: string }[] }>(200, '/api/v1/fleet');
    same(
      names.filter((name) => !body.data.some(({ workerId }) => workerId === name)),
      [],
      'processes that are missing in the registry',
    );
  }
  return `${by} in /resources, in the attempt, and in its log lines`;
}

async function portTaken(world: World): Promise<string> {
  const port = new URL(world.site.apis[0] ?? world.site.front).port;
  const ran = await world.run(['node', 'dist/main.js'], {
    env: { SERVER_PORT: port, DATA_DIR: `${world.root}/data/verify/port-taken` },
    withinMs: 30_000,
  });
  same(ran.code, 1, 'the exit code');
  const lines = ran.stderr.trim().split('\n');
  hold(lines.length === 1 && lines[0]?.includes(port) === true, `one line about port ${port}`, ran.stderr);
  const alias = judged({ PORT: '8081' });
  same(alias.config?.port, 8081, 'PORT as an alias');
  return `exit code 1: ${lines[0]}`;
}

async function logLevel(world: World): Promise<string> {
  const verbose = judged({ LOG_LEVEL: 'debug' });
  same(verbose.config?.logLevel, 'debug', 'LOG_LEVEL=debug');
  refused({ LOG_LEVEL: 'loud' }, /LOG_LEVEL/);
  const talkative = await world.server({ LOG_LEVEL: 'trace' });
  await reaches(world, await accept(world, {}, talkative.url), 'delivered', undefined, talkative.url);
  hold(talkative.tail().includes('"level":"trace"'), 'trace lines at LOG_LEVEL=trace', talkative.tail());
  const levels = new Set((await world.site.logs()).map((line) => /"level":"(\w+)"/.exec(line)?.[1]));
  hold(levels.has('info') && !levels.has('debug') && !levels.has('trace'), 'info lines and nothing below at LOG_LEVEL=info', [...levels]);
  return `here ${[...levels].join(', ')}; a server at trace traces; an unknown level is refused`;
}

async function checkedSettings(world: World): Promise<string> {
  const secret = fresh('secret');
  const env = { SMTP_URL: `smtp://mailer:${secret}@127.0.0.1:2525`, SERVER_PORT: '0', DATA_DIR: `${world.root}/data/verify/check` };
  const argv = ['npm', 'run', '--silent', 'config:check'];
  const good = await world.succeed(argv, { env });
  hold(
    /^SMTP_URL +environment/m.test(good.stdout) && !good.stdout.includes(secret),
    'source shown and secret hidden',
    good.stdout.slice(0, 300),
  );
  const bad = await world.run(argv, { env: { WORKER_BATCH_SIZE: 'many', LOG_LEVEL: 'loud' } });
  same(bad.code, 2, 'the exit code for two wrong settings');
  for (const name of ['WORKER_BATCH_SIZE', 'LOG_LEVEL'])
    hold(new RegExp(`^${name}.*error`, 'm').test(bad.stdout), `${name} named`, bad.stdout);
  const probed = await world.succeed([...argv, '--', '--probe'], { env: { SERVER_PORT: '0', DATA_DIR: env.DATA_DIR } });
  hold(/^probe data directory: ok/m.test(probed.stdout), 'a probe of the data directory', probed.stdout);
  await world.succeed(['npm', 'run', '--silent', 'config:docs', '--', '--check']);
  return 'source, hidden secret and verdict per variable; all errors at once; probes; the template is the generated one';
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

/** The settings of checklist A, and those that this program has besides. */
export const OF_SETTINGS: readonly Check[] = [
  { id: 'ENV-01', on: FLEET, elsewhere: 'one process is the only worker', run: workerIds },
  { id: 'ENV-02', on: FLEET, elsewhere: 'one process is the only API', run: instances },
  { id: 'ENV-03', run: batchSize },
  { id: 'ENV-04', run: lockDuration },
  { id: 'ENV-05', run: pollIsANet },
  { id: 'ENV-07', on: FLEET, elsewhere: SERVERS, run: realStore },
  { id: 'ENV-08', on: FLEET, elsewhere: SERVERS, run: connections },
  { id: 'ENV-09', run: redisUrl },
  { id: 'ENV-11', on: FLEET, elsewhere: SERVERS, run: broker },
  { id: 'ENV-13', run: aliases },
  {
    id: 'ENV-14',
    on: ['cluster'],
    elsewhere: 'needs the address of the database from here: measured with --target cluster',
    run: directUrl,
  },
  { id: 'ENV-24', run: workerName },
  { id: 'ENV-25', on: ['embedded', 'cluster'], elsewhere: 'a matter of the program: measured with --target embedded', run: portTaken },
  { id: 'ENV-31', run: logLevel },
  { id: 'ENV-32', on: HERE, elsewhere: JOINS, run: healthServer },
  { id: 'ENV-33', on: HERE, elsewhere: JOINS, run: healthServer },
  { id: 'ENV-39', run: checkedSettings },
  { id: 'ENV-40', on: FLEET, elsewhere: SERVERS, run: poolShares },
  { id: 'ENV-41', on: FLEET, elsewhere: 'one process has nobody to find', run: discovery },
  { id: 'X-01', run: aliases },
  { id: 'X-06', on: ['embedded', 'cluster'], elsewhere: 'see X-04; a taken port: --target embedded', run: portTaken },
  { id: 'X-10', run: pollIsANet },
  { id: 'X-12', on: FLEET, elsewhere: SERVERS, run: connections },
  { id: 'X-13', run: batchSize },
];
