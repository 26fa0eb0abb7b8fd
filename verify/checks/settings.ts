import { type Config, ConfigError, loadConfig } from '../../src/config.js';
import { type Check, hold, same } from '../check.js';
import { accept, acceptMany, allReach, delivery, fresh, reaches, read, Sink, tookMs } from '../notify.js';
import { resources } from '../reading.js';
import type { World } from '../world.js';

/** Servers of a fleet, which are wanted together. */
export const ALONE = { MONGODB_URI: 'mongodb://mongodb:27017/notifications', RABBITMQ_URL: 'amqp://rabbitmq:5672' };

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

async function redisUrl(world: World): Promise<string> {
  const tls = judged({ ...ALONE, REDIS_URL: 'rediss://:secret@redis.example:6380' });
  hold(tls.config?.servers.redis?.url.startsWith('rediss://') === true, 'rediss:// to be accepted', tls.said);
  refused({ ...ALONE, REDIS_URL: 'http://redis:6379' }, /REDIS_URL/);
  const wanted = world.site.target === 'embedded' ? 'embedded' : 'connected';
  const { body } = await world.expect(200, '/health');
  same(body['redis'], wanted, 'Redis in /health');
  return `${wanted}; rediss:// accepted, http:// refused`;
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

/** The settings of checklist A, and those that this program has besides. */
export const OF_SETTINGS: readonly Check[] = [
  { id: 'ENV-03', run: batchSize },
  { id: 'ENV-04', run: lockDuration },
  { id: 'ENV-05', run: pollIsANet },
  { id: 'ENV-09', run: redisUrl },
  { id: 'ENV-13', run: aliases },
  { id: 'ENV-24', run: workerName },
  { id: 'ENV-25', on: ['embedded', 'cluster'], elsewhere: 'a matter of the program: measured with --target embedded', run: portTaken },
  { id: 'ENV-31', run: logLevel },
  { id: 'ENV-39', run: checkedSettings },
  { id: 'X-01', run: aliases },
  { id: 'X-06', on: ['embedded', 'cluster'], elsewhere: 'see X-04; a taken port: --target embedded', run: portTaken },
  { id: 'X-10', run: pollIsANet },
  { id: 'X-13', run: batchSize },
];
