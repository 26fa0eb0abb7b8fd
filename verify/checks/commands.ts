import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplicates } from '../../load-test/duplicates.js';
import type { RunningServer } from '../../tests/docs/server.js';
import { type Check, hold, same, Unmeasured } from '../check.js';
import { accept, reaches, read } from '../notify.js';
import type { World } from '../world.js';

const PROGRAM = 'a matter of the program: measured with --target embedded';
const LONG_MS = 300_000;
const CLI = ['node', 'bin/signalbox.mjs'] as const;

async function build(world: World) {
  const before = Date.now();
  await world.succeed(['npm', 'run', 'build'], { withinMs: LONG_MS });
  const listed = await world.succeed(['ls', '-la', 'dist/']);
  hold(/ main\.js$/m.test(listed.stdout) && / worker\.js$/m.test(listed.stdout), 'main.js and worker.js in dist/', listed.stdout);
  hold(statSync(join(world.root, 'dist/main.js')).mtimeMs >= before - 1000, 'a main.js that was just built', 'an older one');
  hold(readdirSync(join(world.root, 'node_modules')).length > 10, 'installed dependencies', 'none');
  return { seen: 'npm run build, ls dist/', open: 'npm install and npm test: run by .ci/run' };
}

async function quality(world: World) {
  await world.succeed(['npm', 'run', '--silent', 'typecheck'], { withinMs: LONG_MS });
  const lint = await world.succeed(['npm', 'run', '--silent', 'lint'], { withinMs: LONG_MS });
  const files = Number(/Checked (\d+) files/.exec(lint.stdout + lint.stderr)?.[1]);
  hold(files > 100, 'the files that were looked at', lint.stdout);
  const audit = await world.run(['npm', 'audit', '--audit-level=high', '--json'], { withinMs: 60_000 });
  const found = auditOf(audit.stdout);
  if (found === null) return { seen: `typecheck and lint are clean (${files} files)`, open: 'npm audit: the registry gave no answer' };
  same([found.high, found.critical], [0, 0], 'high and critical advisories');
  return `typecheck and lint are clean (${files} files); npm audit: 0 high, 0 critical`;
}

function auditOf(text: string): { readonly high: number; readonly critical: number } | null {
  try {
    const { metadata } = JSON.parse(text) as { metadata?: { vulnerabilities?: { high: number; critical: number } } };
    return metadata?.vulnerabilities ?? null;
  } catch {
    return null;
  }
}

/** Runs a command line as a person would; it is over with the check. */
async function startHere(
  world: World,
  line: string,
  env: Readonly<Record<string, string>>,
): Promise<RunningServer & { readonly tookMs: number }> {
  const since = performance.now();
  const server = await world.means.start(line, { SERVER_PORT: '0', DATA_DIR: join(world.root, 'data/verify/scratch'), ...env });
  world.atEnd(() => server.stop('SIGTERM'));
  world.note({ started: line, url: server.url });
  return { ...server, tookMs: Math.round(performance.now() - since) };
}

async function starts(world: World): Promise<string> {
  const seen: string[] = [];
  for (const line of ['npm start', 'npm run start:dev']) {
    const server = await startHere(world, line, {});
    const { body } = await world.expect(200, `${server.url}/health`);
    same((body as { readonly status?: unknown } | null)?.status, 'healthy', `.status of ${line}`);
    hold(server.tookMs < 30_000, `${line} to be ready within 30 s`, `${server.tookMs} ms`);
    same(await server.stop('SIGTERM'), 0, `the exit code of ${line} after SIGTERM`);
    const answers = await fetch(`${server.url}/livez`).then(
      () => true,
      () => false,
    );
    hold(!answers, 'nobody to answer after SIGTERM', `an answer from ${server.url}`);
    seen.push(`${line}: ready after ${server.tookMs} ms`);
  }
  return seen.join('; ');
}

async function consumersOff(world: World): Promise<string> {
  const paused = await world.server({ ENABLE_STREAM_CONSUMERS: 'false' });
  const id = await accept(world, {}, paused.url);
  await world.pause(1_000);
  same((await read(world, id, paused.url)).status, 'queued', 'the status with consumers off');
  await paused.kill();
  const resumed = await world.server({ DATA_DIR: paused.dataDir });
  await reaches(world, id, 'delivered', undefined, resumed.url);
  return 'accepted and still queued after 1 s; delivered by the next start with consumers on';
}

/** Where the cluster’s command line looks for it. */
function directoryOf({ site }: World): readonly string[] {
  if (site.clusterDirectory === null) throw new Unmeasured('the supervisor of a cluster is needed');
  return ['--directory', site.clusterDirectory];
}

async function workersLoop(world: World): Promise<string> {
  const { workers } = world.site;
  const first = new URL(workers[0] ?? 'http://127.0.0.1:9091').port;
  const argv = ['npm', 'run', '--silent', 'workers:health', '--', '--port', first];
  for (const count of [workers.length, 3]) {
    const { stdout } = await world.succeed([...argv, '--count', String(count)]);
    const lines = stdout.trim().split('\n');
    same(lines.length, count, `the lines of --count ${count}`);
    for (const [at, line] of lines.entries())
      hold(line.startsWith(`${Number(first) + at} {"status":"healthy"`), `worker ${at + 1} healthy`, line);
  }
  const ten = await world.run([...argv, '--count', '10']);
  const ports = ten.stdout
    .trim()
    .split('\n')
    .map((line) => Number(line.split(' ')[0]));
  same(
    ports,
    Array.from({ length: 10 }, (_, n) => Number(first) + n),
    'ten ports in a row, none beyond 65535',
  );
  const allThere = workers.length >= 10;
  same(ten.code, allThere ? 0 : 1, `the exit code for ten of ${workers.length}`);
  return `loops over ${workers.length}, 3 and 10 print a line each; port ${first} and up`;
}

interface Diag {
  readonly health: readonly { readonly port: number; readonly status: number | null; readonly body: { readonly status?: string } | null }[];
  readonly resources: readonly {
    readonly body: {
      readonly database: { readonly open: number };
      readonly queue: { readonly depth: number | null };
      readonly cpu: { readonly percent: number };
    } | null;
  }[];
}

async function diagnosis(world: World): Promise<string> {
  const own = world.site.clusterDirectory === null ? [] : directoryOf(world);
  const text = await world.succeed(['npm', 'run', '--silent', 'diag', '--', ...own]);
  for (const wanted of [/connections to the store: \d+/, /queue: \d+ waiting/, /cpu %/])
    hold(wanted.test(text.stdout), String(wanted), text.stdout);
  const json = await world.succeed(['npm', 'run', '--silent', 'diag', '--', '--json', ...own]);
  const { health, resources } = JSON.parse(json.stdout) as Diag;
  hold(health.length >= world.site.apis.length + world.site.expected.workers, 'a line for each API and worker', health.length);
  for (const { port, body } of health) same(body?.status, 'healthy', `.status at ${port}`);
  hold(
    resources.every(({ body }) => (body?.database.open ?? 0) > 0),
    'connections of each',
    resources,
  );
  return `${health.length} ports healthy; ${text.stdout.split('\n').find((line) => line.startsWith('connections'))}; ${text.stdout.split('\n').find((line) => line.startsWith('queue'))}`;
}

async function duplicates(world: World): Promise<string> {
  await reaches(world, await accept(world), 'delivered');
  const { stdout } = await world.succeed(['npm', 'run', '--silent', 'verify:duplicates', '--', '--url', world.site.front, '--json'], {
    withinMs: 100_000,
  });
  const { duplicates: found, notifications, deliveredOutcomes, operationsDelivered } = JSON.parse(stdout) as Duplicates;
  hold(deliveredOutcomes > 0, 'delivered outcomes that were counted', stdout);
  same(found, [], 'duplicates');
  same(deliveredOutcomes, operationsDelivered, 'delivered outcomes, one of each operation');
  return `${notifications} notifications, ${deliveredOutcomes} delivered outcomes of as many operations: 0 duplicates`;
}

async function migrations(world: World): Promise<string> {
  const { environment: env } = world.site;
  const argv = ['npm', 'run', '--silent', 'migrate', '--'];
  const status = await world.succeed([...argv, 'status'], { env });
  const down = await world.succeed([...argv, 'down', '--dry-run'], { env });
  hold(down.stdout.trim() !== '', 'what going down would undo', down.stdout);
  const up = await world.succeed([...argv, 'up', '--dry-run'], { env });
  const again = await world.succeed([...argv, 'status'], { env });
  same(again.stdout, status.stdout, 'the status after two dry runs');
  return `status, down --dry-run, up --dry-run: ${up.stdout.trim().split('\n')[0]}; nothing was changed`;
}

async function emergency(world: World) {
  const own = directoryOf(world);
  const many = world.site.workers.length;
  const lines = await world.succeed([...CLI, 'cluster', 'logs', '--tail', '100', ...own]);
  same(lines.stdout.trim().split('\n').length, 100, 'the last log lines');
  for (const count of [many + 1, many]) {
    await world.succeed([...CLI, 'cluster', 'scale', String(count), ...own], { withinMs: 90_000 });
    const status = await world.succeed([...CLI, 'cluster', 'status', ...own]);
    same(status.stdout.match(/^worker-\d+ +ready/gm)?.length ?? 0, count, `ready workers after scale ${count}`);
  }
  const depth = await world.succeed([...CLI, 'queue', 'depth', '--url', world.site.front]);
  hold(/\d/.test(depth.stdout), 'the depth of the queue', depth.stdout);
  return {
    seen: `the last 100 log lines; scaled to ${many + 1} and back to ${many}; queue depth`,
    open: 'clearing a queue and rolling back come with deployment; stop: at the end of this run',
  };
}

async function processManager(world: World): Promise<string> {
  const server = await startHere(world, 'node dist/main.js', {});
  await world.expect(200, `${server.url}/livez`);
  same(await server.stop('SIGTERM'), 0, 'the exit code after SIGTERM');
  const interrupted = await startHere(world, 'node dist/main.js', {});
  same(await interrupted.stop('SIGINT'), 0, 'the exit code after SIGINT');
  const refused = await world.run(['node', 'dist/main.js'], { env: { LOG_LEVEL: 'loud' } });
  same(refused.code, 2, 'the exit code of settings that are wrong');
  hold(refused.stderr.includes('LOG_LEVEL'), 'the setting to be named', refused.stderr);
  return 'node dist/main.js: SIGTERM and SIGINT drain and end with 0, wrong settings end with 2';
}

async function probes(world: World): Promise<string> {
  const env = world.site.target === 'cluster' ? world.site.environment : {};
  const settings = { SERVER_PORT: '0', DATA_DIR: join(world.root, 'data/verify/scratch'), ...env };
  const { stdout } = await world.succeed(['npm', 'run', '--silent', 'config:check', '--', '--probe'], { env: settings });
  const wanted = world.site.target === 'cluster' ? [/mongo/i, /rabbit/i, /redis/i] : [/data directory/];
  for (const name of wanted)
    hold(
      stdout.split('\n').some((line) => /^probe .*: ok/.test(line) && name.test(line)),
      `a probe of ${name} that is ok`,
      stdout,
    );
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('probe'))
    .join('; ');
}

/** Commands that the checklists tell people to type. */
export const COMMANDS: readonly Check[] = [
  { id: 'CMD-01', on: ['embedded'], elsewhere: PROGRAM, withinMs: LONG_MS, run: build },
  { id: 'CMD-02', on: ['embedded'], elsewhere: PROGRAM, withinMs: 2 * LONG_MS, run: quality },
  { id: 'CMD-03', on: ['embedded'], elsewhere: PROGRAM, run: starts },
  { id: 'CMD-04', on: ['embedded'], elsewhere: PROGRAM, run: consumersOff },
  { id: 'CMD-08', on: ['cluster', 'compose'], elsewhere: 'one process has no workers beside it', run: workersLoop },
  { id: 'CMD-09', on: ['cluster', 'compose'], elsewhere: 'one process: GET /health is all', run: diagnosis },
  { id: 'CMD-10', withinMs: 120_000, run: duplicates },
  { id: 'CMD-11', on: ['cluster', 'compose'], elsewhere: 'one process: GET /resources is all', run: diagnosis },
  { id: 'CMD-12', on: ['cluster'], elsewhere: 'needs the address of MongoDB from here: measured with --target cluster', run: migrations },
  {
    id: 'CMD-17',
    on: ['cluster'],
    elsewhere: 'verbs of the supervisor: measured with --target cluster',
    withinMs: 200_000,
    run: emergency,
  },
  { id: 'CMD-18', on: ['embedded'], elsewhere: PROGRAM, run: processManager },
  { id: 'CMD-19', on: ['embedded', 'cluster'], elsewhere: 'the servers cannot be reached from here; see API-01', run: probes },
  { id: 'X-02', on: ['cluster', 'compose'], elsewhere: 'one process has no workers beside it', run: workersLoop },
  { id: 'X-16', withinMs: 120_000, run: duplicates },
];
