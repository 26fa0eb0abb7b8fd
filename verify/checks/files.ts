import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { parse } from 'yaml';
import { serversDirectory } from '../../tests/support/servers/install.js';
import { type Check, type Finding, hold, same } from '../check.js';
import { compose } from '../containers.js';
import { metricsText, processes } from '../reading.js';
import type { World } from '../world.js';

/** @throws Failure where there is none */
export function fileIn({ root }: World, path: string): string {
  const file = join(root, path);
  hold(existsSync(file), `a file ${path}`, 'none');
  return readFileSync(file, 'utf8');
}

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition?: string }>>;
  readonly image?: string;
  readonly build?: unknown;
  readonly container_name?: string;
  readonly healthcheck?: object;
  readonly stop_grace_period?: string;
}

/** The services of a compose file as it is written. */
export function servicesIn(world: World, path: string): Readonly<Record<string, Service>> {
  const { services } = parse(fileIn(world, path), { merge: true }) as { services?: Record<string, Service> };
  hold(services !== undefined && Object.keys(services).length > 0, `services in ${path}`, 'none');
  return services;
}

/** The same as compose understands them, with what they extend and what variables say. */
export async function resolvedServices(world: World): Promise<Readonly<Record<string, Service>>> {
  const { stdout } = await compose(world, ['config']);
  const { services } = (parse(stdout) ?? {}) as { services?: Record<string, Service> };
  hold(services !== undefined && Object.keys(services).length > 0, 'services in the stack', stdout);
  return services;
}

const OTHERS = ['nginx', 'mongodb', 'rabbitmq', 'redis', 'prometheus', 'grafana', 'alertmanager'];

async function composeFiles(world: World): Promise<string> {
  const scale = Object.keys(servicesIn(world, 'docker-compose.scale.yml'));
  same(
    OTHERS.filter((name) => !scale.includes(name)),
    [],
    'services that docker-compose.scale.yml misses',
  );
  const apis = scale.filter((name) => /^api/.test(name));
  const named = ['worker-1', 'worker-2', 'worker-3', 'worker-4', 'worker-5', 'worker'];
  hold(apis.length === 2, 'two APIs', apis);
  same(
    named.filter((name) => !scale.includes(name)),
    [],
    'workers that docker-compose.scale.yml misses',
  );
  const plain = Object.keys(servicesIn(world, 'docker-compose.yml'));
  hold(plain.includes('worker-1') && plain.some((name) => /^api/.test(name)), 'an API and worker-1 in docker-compose.yml', plain);
  const resolved = Object.keys(await resolvedServices(world));
  same(
    scale.filter((name) => !resolved.includes(name)),
    [],
    'services that compose does not find',
  );
  return `docker-compose.scale.yml: ${scale.length} services; docker-compose.yml: ${plain.length}`;
}

/** The second is the first, from where checklist A looks for it. */
const DOCKERFILES = ['docker/Dockerfile.worker', 'Dockerfile.worker', 'docker/Dockerfile.api'] as const;
const STEPS = [/^FROM \S+:\S+( AS \w+)?$/m, /^USER [1-9]\d*/m, /^HEALTHCHECK /m, /^STOPSIGNAL SIGTERM$/m, /^LABEL .*title="notification-/m];

/** hadolint's own judgement where it is installed; null: it is not. */
async function linted(world: World): Promise<string | null> {
  const program = join(serversDirectory(), 'bin/hadolint');
  const ran = await world.run([program, ...DOCKERFILES]);
  if (ran.code === null) return null;
  same([ran.code, ran.stdout], [0, ''], 'what hadolint finds');
  return (await world.succeed([program, '--version'])).stdout.trim();
}

async function images(world: World): Promise<Finding | string> {
  for (const file of DOCKERFILES) {
    const text = fileIn(world, file);
    for (const step of STEPS) hold(step.test(text), `${step.source} in ${file}`, text.slice(0, 200));
  }
  const services = await resolvedServices(world);
  const own = Object.entries(services).filter(([name]) => /^(api|worker)/.test(name));
  hold(own.length > 0, 'APIs and workers', Object.keys(services));
  for (const [name, { image }] of own)
    hold(image?.includes('notification') === true, `the image of ${name} to be named notification-…`, image);
  const seen = `${DOCKERFILES.join(', ')}; images ${[...new Set(own.map(([, { image }]) => image))].join(', ')}`;
  const lint = await linted(world);
  return lint === null
    ? { seen, open: 'hadolint is not installed here: npm test -- tests/stack/images.test.ts' }
    : `${seen}; ${lint}: no fault`;
}

async function sourceUnits(world: World): Promise<string> {
  const wanted = [
    /Notification model/,
    /DatabaseConnectionPool/,
    /MessageQueue/,
    /DeliveryWorkerService/,
    /ResourceMonitoringService/,
    /worker\.ts/,
  ];
  const lines = fileIn(world, 'ARCHITECTURE.md')
    .split('\n')
    .filter((line) => line.startsWith('| '));
  let files = 0;
  for (const name of wanted) {
    const line = lines.find((one) => name.test(one.split('|')[1] ?? ''));
    hold(line !== undefined, `a row of ARCHITECTURE.md for ${name.source}`, 'none');
    const paths = [...line.matchAll(/`(src\/[\w./-]+\.ts)`/g)].map(([, path]) => path ?? '');
    hold(paths.length > 0, `a file for ${name.source}`, line);
    same(
      paths.filter((path) => !existsSync(join(world.root, path))),
      [],
      `files of ${name.source} that are not there`,
    );
    files += paths.length;
  }
  const { scripts } = JSON.parse(fileIn(world, 'package.json')) as { scripts: Record<string, string> };
  same(
    ['start', 'build', 'test', 'load-test', 'migrate', 'diag'].filter((name) => scripts[name] === undefined),
    [],
    'package scripts that are missing',
  );
  return `${wanted.length} units of the checklist are ${files} files that exist; package scripts are there`;
}

async function output(world: World): Promise<string> {
  const server = await world.server();
  const { body } = await world.expect<{ name: string }>(200, `${server.url}/`);
  same(body.name, 'signalbox', 'the name');
  return `node dist/main.js is ready after ${server.startMs} ms`;
}

/** What the checklists ask for by name, in whatever folder it is. */
const DOCUMENTS = ['README.md', 'ARCHITECTURE.md', 'DEPLOYMENT.md', 'SECURITY.md', 'configuration.md', 'troubleshooting.md', 'RUNBOOK.md'];
const LATER = ['KAFKA_MIGRATION_GUIDE.md', 'incident-response.md', 'release-summary.md'];

async function documents(world: World) {
  const names = markdownFiles(world.root).map((path) => basename(path).toLowerCase());
  const there = (name: string): boolean => names.includes(name.toLowerCase());
  const missing = DOCUMENTS.filter((name) => !there(name));
  const links = markdownFiles(world.root).flatMap((path) => brokenLinks(world, path));
  same(links, [], 'links that lead nowhere');
  hold(fileIn(world, 'README.md').length > 1_000, 'a README', 'a short one');
  const open = [...missing, ...LATER.filter((name) => !there(name))];
  const seen = `${DOCUMENTS.length - missing.length} of ${DOCUMENTS.length} documents, ${markdownFiles(world.root).length} files without a broken link`;
  return open.length === 0 ? seen : { seen, open: `not there yet: ${open.join(', ')}` };
}

function markdownFiles(root: string): readonly string[] {
  const below = existsSync(join(root, 'docs'))
    ? readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name))
    : [];
  const top = existsSync(root) ? readdirSync(root) : [];
  // The checklists are others' words, kept as they came.
  return [...top, ...below].filter((name) => name.endsWith('.md') && !name.startsWith('docs/checklists'));
}

function brokenLinks(world: World, path: string): readonly string[] {
  const targets = [...fileIn(world, path).matchAll(/\]\(([^)\s#]+)(#[^)\s]*)?\)/g)].map(([, target]) => target ?? '');
  return targets
    .filter((target) => !/^[a-z]+:/i.test(target))
    .filter((target) => !existsSync(join(world.root, normalize(join(dirname(path), target)))))
    .map((target) => `${path}: ${target}`);
}

async function template(world: World): Promise<string> {
  await world.succeed(['npm', 'run', '--silent', 'config:docs', '--', '--check']);
  const settings = fileIn(world, '.env.template').match(/^#?[A-Z][A-Z0-9_]*=/gm) ?? [];
  hold(settings.length > 40, 'settings in .env.template', settings.length);
  return `.env.template is the generated one, with ${settings.length} settings`;
}

interface Panel {
  readonly title?: string;
  readonly targets?: readonly { readonly expr?: string }[];
  readonly panels?: readonly Panel[];
}

/** Every query of a dashboard, with the title of its panel. */
export function queriesOf(panels: readonly Panel[]): readonly { readonly title: string; readonly expr: string }[] {
  return panels.flatMap(({ title = '', targets = [], panels: inner = [] }) => [
    ...targets.flatMap(({ expr }) => (expr === undefined || expr === '' ? [] : [{ title, expr }])),
    ...queriesOf(inner),
  ]);
}

const FUNCTIONS = /\b[a-z_]+(?=\s*\()/g;
const METRIC = /\b(?:signalbox|process|nodejs|circuit_breaker|idempotency|worker_restarts)_[a-z0-9_]+/g;

async function dashboard(world: World): Promise<string> {
  const { panels = [], title } = JSON.parse(fileIn(world, 'grafana-dashboard.json')) as { panels?: readonly Panel[]; title?: string };
  const queries = queriesOf(panels);
  hold(title !== undefined && queries.length > 0, 'a title and queries', { title, queries: queries.length });
  const texts = await Promise.all(processes(world).map((origin) => metricsText(world, origin)));
  const known = new Set(texts.flatMap((text) => [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? '')));
  const used = new Set(
    queries.flatMap(
      ({ expr }) =>
        expr
          .replace(/"[^"]*"/g, '')
          .replace(FUNCTIONS, '')
          .match(METRIC) ?? [],
    ),
  );
  hold(
    used.size > 0,
    'metrics of ours in its queries',
    queries.map(({ expr }) => expr),
  );
  const strange = [...used].filter((name) => !known.has(name) && !known.has(name.replace(/_(bucket|sum|count)$/, '')));
  same(strange, [], 'metrics of the dashboard that no process has');
  return `"${title}": ${queries.length} queries over ${used.size} metrics, all of them exported`;
}

/** Credentials as they look; what documents and tests show as an example says so. */
const SECRETS: readonly RegExp[] = [
  /-----BEGIN (RSA |EC |OPENSSH )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}/,
  /\bAKIA[0-9A-Z]{16}\b/,
  /\bghp_[A-Za-z0-9]{36}\b/,
  /\bxox[baprs]-[0-9A-Za-z-]{20,}\b/,
  /\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\b/,
];
const NEVER_COMMITTED = /(^|\/)(\.env|.*\.(pem|key|p12|pfx))$/;

async function history(world: World) {
  const names = await world.succeed(['git', 'log', '--all', '--diff-filter=A', '--name-only', '--format='], { withinMs: 60_000 });
  const files = names.stdout.split('\n').filter((name) => name !== '');
  hold(files.length > 0, 'files in the history', 'none');
  same(
    files.filter((name) => NEVER_COMMITTED.test(name)),
    [],
    'files that hold secrets, in the history',
  );
  const patch = await world.succeed(['git', 'log', '--all', '-p', '--unified=0', '--no-color', '--', ':!package-lock.json', ':!*.html'], {
    withinMs: 120_000,
  });
  const added = patch.stdout.split('\n').filter((line) => line.startsWith('+'));
  const found = added.filter((line) => SECRETS.some((secret) => secret.test(line)));
  same(
    found.map((line) => line.slice(0, 12)),
    [],
    'added lines that look like a secret',
  );
  same(fileIn(world, '.gitignore').split('\n').includes('.env'), true, '.env among what git ignores');
  return {
    seen: `${added.length} added lines and ${files.length} files of the history: no secret`,
    open: 'rotation and access control: identity and SECURITY.md',
  };
}

/** Files and documents that must be there, and what is in them. */
export const FILES: readonly Check[] = [
  { id: 'FIL-01', on: ['compose'], run: composeFiles },
  { id: 'FIL-04', on: ['compose'], run: images },
  { id: 'FIL-05', on: ['compose'], run: dashboard },
  { id: 'FIL-09', run: template },
  { id: 'FIL-13', run: sourceUnits },
  { id: 'FIL-14', run: output },
  { id: 'FIL-15', run: documents },
  { id: 'SEC-02', withinMs: 200_000, run: history },
];
