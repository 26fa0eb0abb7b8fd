import { type Check, type Finding, hold, same } from '../check.js';
import { type Container, compose, containers, inside, serviceOf } from '../containers.js';
import { metricsIn, metricsText, workerHealth } from '../reading.js';
import { workersNow } from '../sites/compose.js';
import type { World } from '../world.js';
import { fileIn, resolvedServices, servicesIn } from './files.js';
import { targetsSoon } from './targets.js';

const ON = { on: ['compose'], elsewhere: 'about the containers: measured with --target compose' } as const;
const MEGABYTE = 1024 * 1024;
const NEVER_PUBLIC = '127.0.0.1';
/** Only nginx is for everybody. */
const PUBLIC = new Set(['80', '443']);

async function nginx(world: World) {
  const text = fileIn(world, 'nginx.conf');
  hold(
    /listen\s+(\[::\]:)?443/.test(text) && /location\s[^{]*health/.test(text),
    'a TLS server and a route for health in nginx.conf',
    text.slice(0, 200),
  );
  const { stderr, stdout } = await inside(world, 'nginx', ['nginx', '-t']);
  hold(/test is successful/.test(stderr + stdout), 'nginx -t to be successful', stderr + stdout);
  return 'nginx -t: successful; health route and TLS server';
}

async function prometheusConfig(world: World): Promise<string> {
  hold(/rule_files:/.test(fileIn(world, 'prometheus.yml')), 'rule_files in prometheus.yml', 'none');
  const { stdout } = await inside(world, 'prometheus', ['promtool', 'check', 'config', '/etc/prometheus/prometheus.yml']);
  hold(/SUCCESS/.test(stdout) && !/FAILED/.test(stdout), 'promtool to find no fault', stdout);
  return stdout.trim().split('\n').join('; ');
}

async function running(world: World): Promise<readonly Container[]> {
  return (await containers(world)).filter(({ State }) => State.Status === 'running');
}

async function limits(world: World): Promise<string> {
  const own = (await running(world)).filter((one) => /^worker/.test(serviceOf(one)));
  hold(own.length > 0, 'workers', 'none');
  for (const { Name, HostConfig } of own) {
    const cpus = HostConfig.NanoCpus > 0 ? HostConfig.NanoCpus / 1e9 : (HostConfig.CpuQuota ?? 0) / 100_000;
    hold(cpus >= 0.5 && cpus <= 1, `0.5 to 1 CPU for ${Name}`, cpus);
    hold(HostConfig.Memory >= 512 * MEGABYTE && HostConfig.Memory <= 1024 * MEGABYTE, `512 MB to 1 GB for ${Name}`, HostConfig.Memory);
  }
  return `${own.length} workers with ${(own[0]?.HostConfig.Memory ?? 0) / MEGABYTE} MB and ${(own[0]?.HostConfig.NanoCpus ?? 0) / 1e9} CPU each`;
}

/** What is bound to more than this machine, and is not nginx. */
export async function binds(world: World): Promise<string> {
  const all = await containers(world);
  const published = all.flatMap((one) =>
    Object.values(one.NetworkSettings.Ports).flatMap((bound) =>
      (bound ?? []).map(({ HostIp, HostPort }) => ({ service: serviceOf(one), HostIp, HostPort })),
    ),
  );
  hold(published.length > 0, 'published ports', 'none');
  const open = published.filter(({ HostIp, HostPort }) => HostIp !== NEVER_PUBLIC && HostIp !== '::1' && !PUBLIC.has(HostPort));
  same(open, [], 'ports that others than this machine can reach');
  return `${published.length} published ports: only ${[...new Set(published.filter(({ HostIp }) => HostIp !== NEVER_PUBLIC).map(({ HostPort }) => HostPort))].join(', ')} are for others than this machine`;
}

async function isolation(world: World): Promise<string> {
  const seen = await binds(world);
  const all = await containers(world);
  const kept = all.flatMap(({ Mounts }) => Mounts.filter(({ Type }) => Type === 'volume'));
  for (const service of ['mongodb', 'rabbitmq', 'redis', 'prometheus', 'grafana']) {
    const one = all.find((each) => serviceOf(each) === service);
    hold(one?.Mounts.some(({ Type }) => Type === 'volume') === true, `a volume of ${service}`, one?.Mounts);
  }
  const names = [...new Set(all.flatMap(({ NetworkSettings }) => Object.keys(NetworkSettings.Networks)))];
  const { stdout } = await world.succeed(['docker', 'network', 'inspect', ...names], { env: world.site.environment });
  const inner = (JSON.parse(stdout) as readonly { Name: string; Internal: boolean }[]).filter(({ Internal }) => Internal);
  hold(inner.length > 0, 'an inner network', names);
  const netsOf = (service: string): readonly string[] =>
    Object.keys(all.find((each) => serviceOf(each) === service)?.NetworkSettings.Networks ?? {});
  for (const service of ['mongodb', 'rabbitmq', 'redis']) {
    const nets = netsOf(service);
    hold(
      nets.some((net) => inner.some(({ Name }) => Name === net)),
      `${service} on an inner network`,
      nets,
    );
    same(
      nets.filter((net) => netsOf('nginx').includes(net)),
      [],
      `networks that ${service} shares with what is open to everybody`,
    );
  }
  return `${seen}; ${kept.length} volumes; inner networks ${inner.map(({ Name }) => Name).join(', ')}`;
}

const BACK_MS = 90_000;

async function verbs(world: World) {
  await compose(world, ['config', '--quiet']);
  const ps = await compose(world, ['ps']);
  for (const name of ['worker-1', 'worker-5', 'nginx', 'mongodb']) hold(ps.stdout.includes(name), `${name} in ps`, ps.stdout);
  const logs = await compose(world, ['logs', '--tail=5', 'worker-1', 'worker-2']);
  hold(/worker-1/.test(logs.stdout) && /worker-2/.test(logs.stdout), 'lines of worker-1 and worker-2', logs.stdout);
  const origin = 'http://127.0.0.1:9091';
  world.atEnd(() => compose(world, ['up', '-d', '--no-deps', 'worker-1']));
  await compose(world, ['kill', 'worker-1']);
  await world.until('nobody to answer for worker-1', async () => (await world.call(`${origin}/livez`).catch(() => null)) === null);
  await compose(world, ['up', '-d', '--no-deps', 'worker-1'], BACK_MS);
  await world.until(
    'worker-1 to answer again',
    async () => (await world.call(`${origin}/readyz`).catch(() => null))?.status === 200,
    BACK_MS,
  );
  return {
    seen: 'config, ps, logs, kill worker-1, up -d worker-1: it answers again',
    open: 'build, restart mongodb, restart rabbitmq, down: by the script that goes through checklist A',
  };
}

const ELASTIC = 3;

/** Elastic workers come and go, and Prometheus sees it; the stack is left as it was. */
export async function scaling(world: World): Promise<string> {
  const before = await workersNow();
  const elastic = (await containers(world)).filter((one) => serviceOf(one) === 'worker').length;
  const to = (count: number): Promise<unknown> =>
    compose(world, ['up', '-d', '--no-recreate', '--scale', `worker=${count}`, 'worker'], BACK_MS);
  world.atEnd(() => to(elastic));
  await to(elastic + ELASTIC);
  const more = await world.until(
    `${before.length + ELASTIC} workers to answer`,
    async () => {
      const now = await workersNow();
      return now.length === before.length + ELASTIC ? now : null;
    },
    BACK_MS,
  );
  const ids = await Promise.all(more.map(async (url) => (await workerHealth(world, url)).worker.workerId));
  same(new Set(ids).size, ids.length, 'distinct workerIds');
  const out = await targetsSoon(world, more.length, BACK_MS);
  await to(elastic);
  await world.until(`${before.length} workers to answer`, async () => (await workersNow()).length === before.length, BACK_MS);
  const back = await targetsSoon(world, before.length, BACK_MS);
  return `${before.length} workers, then ${more.length} with ids of their own (${out}), then ${before.length} (${back})`;
}

async function graceAndNames(world: World): Promise<string> {
  const own = Object.entries(await resolvedServices(world)).filter(([name]) => /^(api|worker)/.test(name));
  const seconds = own.map(([, { stop_grace_period: given = '10s' }]) => secondsOf(given));
  hold(seconds.length > 0 && Math.min(...seconds) >= 35, 'a grace period of 35 s (30 for a step, and 5)', seconds);
  return `${own.length} services are given ${Math.min(...seconds)} s to end`;
}

function secondsOf(given: string): number {
  const [, minutes = '0', seconds = '0'] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(given) ?? [];
  return Number(minutes) * 60 + Number(seconds);
}

const REQUESTS = 20;

/** Requests to the balancer arrive at both APIs. */
async function balanced(world: World): Promise<Finding> {
  const counted = async (origin: string): Promise<number> =>
    metricsIn(await metricsText(world, origin))('signalbox_http_requests_total', 'route="/api/v1/notifications"') ?? 0;
  const { apis, front } = world.site;
  const before = await Promise.all(apis.map(counted));
  for (let n = 0; n < REQUESTS; n += 1) await world.expect(200, `${front}/api/v1/notifications?limit=1`);
  const after = await Promise.all(apis.map(counted));
  const rose = after.map((count, at) => count - (before[at] ?? 0));
  hold(rose.length > 1 && Math.min(...rose) > 0, `each API to have taken some of ${REQUESTS} requests`, rose);
  const asked = [
    'npm',
    'run',
    '--silent',
    'cli',
    '--',
    'autoscale',
    '--once',
    '--dry-run',
    '--json',
    '--prometheus',
    `${world.site.prometheus}`,
  ];
  const { stdout } = await world.succeed(asked, { env: world.site.environment });
  const { workers, wanted, because } = JSON.parse(stdout) as {
    readonly workers: number;
    readonly wanted: number;
    readonly because: string;
  };
  same(workers, (await workersNow()).length, 'the workers that autoscale counts');
  return {
    seen: `of ${REQUESTS} requests the APIs took ${rose.join(' and ')}; autoscale would make ${workers} workers ${wanted}: ${because}`,
    open: 'that they come and go with the load: npm run drill -- autoscale',
  };
}

interface Logging {
  readonly HostConfig: { readonly LogConfig?: { readonly Type: string; readonly Config?: Readonly<Record<string, string>> } };
}

/** What the engine keeps is bounded everywhere; how long it is kept is the matter of the overlay that collects it. */
async function logsKept(world: World): Promise<Finding> {
  const all = await containers(world);
  const unbounded = all.filter((one) => {
    const { Type, Config = {} } = (one as Container & Logging).HostConfig.LogConfig ?? { Type: 'none' };
    return Type !== 'json-file' || !/^\d+m$/.test(Config['max-size'] ?? '') || !(Number(Config['max-file']) > 1);
  });
  same(
    unbounded.map(({ Name }) => Name),
    [],
    'containers whose log grows without end',
  );
  const { environment } = servicesIn(world, 'docker-compose.logs.yml')['logs-keeper'] ?? {};
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is compose that puts something in its place.
  same(environment?.['LOG_KEEP_DAYS'], '${LOG_KEEP_DAYS:-30}', 'how many days the overlay keeps');
  return {
    seen: `${all.length} containers, each log rotated by size; docker-compose.logs.yml keeps 30 days unless told otherwise`,
    open: 'that days end and months are archived: npm test -- tests/stack/logs.test.ts',
  };
}

async function healthOn80(world: World): Promise<string> {
  const { status, headers } = await world.call(`${world.site.balancer}/health`);
  same([status, headers.get('location')], [200, null], 'port 80 without a redirect');
  return `${await binds(world)}; /health on port 80 is 200 without a redirect`;
}

/** Who is where, by what only it would answer. */
async function ports(world: World): Promise<string> {
  const { apis, workers, prometheus, alertmanager, grafana } = world.site;
  same((await world.expect(200, `${world.site.balancer}/health`)).body['status'], 'healthy', 'health on port 80');
  for (const origin of ['http://127.0.0.1:8080', ...apis])
    same((await world.expect(200, `${origin}/livez`)).body, { status: 'live' }, origin);
  same(
    workers.slice(0, 5).map((origin) => new URL(origin).port),
    ['9091', '9092', '9093', '9094', '9095'],
    'the ports of the named workers',
  );
  for (const origin of workers) await workerHealth(world, origin);
  hold((await world.expect(200, `${grafana?.url}/api/health`)).text.includes('database'), 'Grafana on 3000', 'somebody else');
  for (const url of [`${prometheus}/-/healthy`, `${alertmanager}/-/healthy`]) await world.expect(200, url);
  return 'API on 80, 8080, 3001 and 3002, workers from 9091 on, Grafana 3000, Prometheus 9090, Alertmanager 9193';
}

/** What the containers of the stack are. */
export const STACK: readonly Check[] = [
  { id: 'FIL-02', ...ON, run: nginx },
  { id: 'FIL-03', ...ON, run: prometheusConfig },
  { id: 'INF-04', ...ON, run: limits },
  { id: 'INF-06', ...ON, run: isolation },
  { id: 'SEC-04', ...ON, run: isolation },
  { id: 'INF-07', ...ON, run: balanced },
  { id: 'LOG-04', ...ON, run: logsKept },
  { id: 'X-04', ...ON, run: ports },
  { id: 'X-05', ...ON, run: ports },
  { id: 'X-30', ...ON, run: healthOn80 },
  { id: 'X-31', ...ON, run: graceAndNames },
  { id: 'CMD-06', ...ON, disturbs: true, withinMs: 240_000, run: verbs },
  { id: 'CMD-07', ...ON, disturbs: true, withinMs: 420_000, run: scaling },
  { id: 'X-03', ...ON, disturbs: true, withinMs: 420_000, run: scaling },
];
