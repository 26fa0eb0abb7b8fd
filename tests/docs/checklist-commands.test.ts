import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from '@jest/globals';
import { ConfigError, loadConfig } from '../../src/config.js';
import { codeSpans, commandsOf, doubtfulSpans, type ListedCommand } from './checklist-commands.js';
import { ELSEWHERE } from './elsewhere.js';
import { bareEnvironment, freePort, type RunningServer, start } from './server.js';

const run = promisify(execFile);
const place = mkdtempSync(join(tmpdir(), 'signalbox-commands-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

interface Row extends ListedCommand {
  readonly checklist: string;
  readonly status: string;
}

const CHECKLISTS = readdirSync('docs/checklists').sort();
const DOCUMENT = readFileSync('docs/checklist-commands.md', 'utf8');

function listed(checklist: string): readonly ListedCommand[] {
  return commandsOf(readFileSync(join('docs/checklists', checklist), 'utf8'));
}

function documented(checklist: string): readonly Row[] {
  const section = DOCUMENT.split(/^## /m).find((part) => part.includes(`checklists/${checklist}`)) ?? '';
  const rows = section.matchAll(/^\| (\d+) \| `(.*?)` \| (.*?) \| (.*)\|$/gm);
  return [...rows].map(([, line, text = '', status = '']) => ({
    checklist,
    line: Number(line),
    text: text.replaceAll('\\|', '|'),
    status,
  }));
}

const ROWS = CHECKLISTS.flatMap(documented);
const ASSIGNMENT = /^(?:export )?([A-Z][A-Z0-9_]*)=([^\s"]*)$/;

/** What is really run for a row: the command itself, or what replaces it. */
function executed(row: Row): string | null {
  if (row.status === 'runs') return row.text;
  return row.status.startsWith('replaced: ') ? (codeSpans(row.status)[0] ?? '') : null;
}

/** Lines of checklist A that scripts/stack-checklist.sh runs on the stack. */
const ON_THE_STACK = new Set(
  [...readFileSync('scripts/stack-checklist.sh', 'utf8').matchAll(/^ *run (\d+) /gm)].map(([, line]) => Number(line)),
);

/** The same command may stand in more than one place. */
const SAID_ON_THE_STACK = new Set(
  ROWS.filter(({ checklist, line }) => checklist === 'A-notifications.md' && ON_THE_STACK.has(line)).map(({ text }) => text),
);

describe('The table of checklist commands', () => {
  test.each(CHECKLISTS)('has every command of %s by its line and words, and no other', (checklist) => {
    expect(documented(checklist).map(({ line, text }) => ({ line, text }))).toEqual(listed(checklist));
    expect(listed(checklist).length).toBeGreaterThan(15);
  });

  test.each(CHECKLISTS)('takes every code span of %s that has a blank in it for a command or knows why not', (checklist) => {
    expect(doubtfulSpans(readFileSync(join('docs/checklists', checklist), 'utf8'))).toEqual([]);
  });

  test('gives every command one of the four statuses, and a reason or a replacement where one is due', () => {
    const sound = /^(runs|later|replaced: `[^`]+`|does not apply: \S.*)$/;
    expect(ROWS.filter((row) => !sound.test(row.status))).toEqual([]);
    const bare = [...DOCUMENT.matchAll(/^\| \d+ \| .* \| later \| *\|$/gm)].map(([line]) => line);
    expect(bare).toEqual([]);
  });
});

describe('An assignment of a checklist', () => {
  const assignments = ROWS.filter((row) => ASSIGNMENT.test(row.text)).map((row) => [row.text, row] as const);
  const production = {
    SMTP_URL: 'smtp://mail.example.org',
    WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
    LINK_SECRET: 'l'.repeat(32),
    PUBLIC_URL: 'https://notify.example.org',
    EMAIL_FROM: 'no-reply@example.org',
  };

  /** The servers of a fleet are wanted together: each is judged beside the others. */
  function fleetAround(name: string): Readonly<Record<string, string>> {
    const fleet = { MONGODB_URI: 'mongodb://mongodb:27017/notifications', RABBITMQ_URL: 'amqp://rabbitmq:5672' };
    if (name in fleet || name === 'REDIS_URL') return { ...fleet, REDIS_URL: 'redis://redis:6379' };
    return name === 'REDIS_HOST' ? fleet : {};
  }

  function remarksOn(name: string, value: string): readonly string[] {
    try {
      return loadConfig({ ...fleetAround(name), [name]: value, ...(name === 'NODE_ENV' ? production : {}) }).warnings;
    } catch (error) {
      if (error instanceof ConfigError) return error.lines;
      throw error;
    }
  }

  test.each(assignments)('%s is taken without a word if and only if its status is "runs"', (_text, row) => {
    const [, name = '', value = ''] = ASSIGNMENT.exec(row.text) ?? [];
    const remarks = remarksOn(name, value);
    expect(remarks.every((remark) => remark.startsWith(`${name}: `))).toBe(true);
    expect(remarks.length === 0).toBe(row.status === 'runs');
  });
});

/**
 * The load test as the checklist has it but for its length. Whether a machine that runs all tests at once is quick enough
 * is not the question here; that it judges, and finds nothing lost or doubled, is.
 */
async function loadTest(command: string): Promise<void> {
  const files = `--history=${join(place, 'history.jsonl')} --report=${join(place, 'report.html')}`;
  const short = `${command.replace(/--duration=\d+/, '--duration=2')} --skip-baselines --warm-up=0 ${files}`;
  const { stdout } = await run('bash', ['-c', short], { env: bareEnvironment() }).catch((error: { stdout: string }) => error);
  expect(stdout).toMatch(/^ {2}duplicates +0 /m);
  expect(stdout).toMatch(/^ {2}lost +0$/m);
  expect(stdout).toMatch(/^(PASSED|FAILED)$/m);
}

/** On the data of a server that has come and gone. */
async function verifyDuplicates(command: string): Promise<void> {
  const env = { SERVER_PORT: '0', DATA_DIR: mkdtempSync(join(place, 'data-')) };
  const server = await start('npm start', env);
  const id = await send(server);
  while ((await statusOf(server, id)) !== 'delivered');
  await server.stop('SIGTERM');
  const { stdout } = await run('bash', ['-c', command], { env: bareEnvironment(env) });
  expect(stdout).toMatch(/^ {2}duplicates +0$/m);
}

/** Commands that end by themselves, in an order in which they make sense. */
const ONE_SHOT: ReadonlyMap<string, () => Promise<unknown>> = new Map([
  ['npm run build', () => run('bash', ['-c', 'npm run build'], { env: bareEnvironment() })],
  ['ls -la dist/', async () => expect((await run('bash', ['-c', 'ls -la dist/'])).stdout).toMatch(/ main\.js$/m)],
  ['npx tsc --noEmit', () => run('bash', ['-c', 'npx tsc --noEmit'], { env: bareEnvironment() })],
  ['npm run typecheck', async () => expect(JSON.parse(readFileSync('package.json', 'utf8')).scripts.typecheck).toBe('tsc --noEmit')],
  ['npm run lint', () => run('bash', ['-c', 'npm run lint'], { env: bareEnvironment(), maxBuffer: 16 * 1024 * 1024 })],
  [
    'cat monitoring/grafana/phase3-queue-dashboard.json',
    async () =>
      expect(JSON.parse((await run('bash', ['-c', 'cat monitoring/grafana/phase3-queue-dashboard.json'])).stdout)).toHaveProperty('panels'),
  ],
  ['cp .env.template .env', () => inCopy('cp .env.template .env')],
  ['source .env', () => inCopy('cp .env.template .env && source .env && test "$LOG_LEVEL" = info')],
  ...['npm run load-test -- --duration=600 --rate=12 --users=10000', 'npm run load-test -- --duration=300 --rate=25'].map(
    (command): [string, () => Promise<unknown>] => [command, () => loadTest(command)],
  ),
  ['npm run verify:duplicates', () => verifyDuplicates('npm run verify:duplicates')],
  ['npm run config:check', async () => expect((await checked('npm run config:check')).stdout).toContain('all is well')],
  [
    'npm run config:check -- --probe',
    async () => expect((await checked('npm run config:check -- --probe')).stdout).toContain('probe data directory: ok'),
  ],
]);

function inCopy(command: string): Promise<unknown> {
  const copy = mkdtempSync(join(place, 'copy-'));
  copyFileSync('.env.template', join(copy, '.env.template'));
  return run('bash', ['-c', command], { cwd: copy, env: bareEnvironment() });
}

function checked(command: string): Promise<{ stdout: string }> {
  return run('bash', ['-c', command], { env: bareEnvironment({ SERVER_PORT: '0', DATA_DIR: join(place, 'check') }) });
}

describe('A command that ends by itself does what its checklist wants:', () => {
  test.each([...ONE_SHOT])(
    '%s',
    async (_command, execute) => {
      await execute();
    },
    180_000,
  );
});

/** Runs a checklist's curl against another port than it names, and gives the body. */
async function curl(command: string, server: RunningServer): Promise<string> {
  const { port } = new URL(server.url);
  const { stdout } = await run('bash', ['-c', command.replace(/localhost:\d+/, `localhost:${port}`).replace(/^curl /, 'curl -sS --fail ')]);
  return stdout;
}

/** Commands that start a server, with what is asked of it while it runs. */
const SERVERS: ReadonlyMap<string, ReadonlyMap<string, (body: string) => void>> = new Map([
  [
    'npm start',
    new Map([
      [
        'curl http://localhost:3000/health',
        (body: string) =>
          expect(JSON.parse(body)).toEqual({ status: 'healthy', database: 'connected', redis: 'embedded', messageQueue: 'connected' }),
      ],
    ]),
  ],
  [
    'npm run start:dev',
    new Map([
      ['curl http://localhost:3001/', (body: string) => expect(JSON.parse(body)).toMatchObject({ name: 'signalbox' })],
      ['curl http://localhost:3001/metrics', (body: string) => expect(body).toMatch(/^# TYPE \w+ (counter|gauge|histogram)$/m)],
      ['curl http://localhost:3001/metrics/prometheus', (body: string) => expect(body).toMatch(/^# TYPE \w+ (counter|gauge|histogram)$/m)],
    ]),
  ],
  ['node dist/main.js', new Map()],
  ['node --max-old-space-size=4096 dist/main.js', new Map()],
  ['SERVER_PORT=8081 npm start', new Map()],
]);

describe('A command that starts a server does so, and SIGTERM ends it with 0:', () => {
  test.each([...SERVERS])(
    '%s',
    async (command, asked) => {
      const port = String(await freePort());
      const dataDir = mkdtempSync(join(place, 'data-'));
      const server = await start(command.replace(/SERVER_PORT=\d+/, `SERVER_PORT=${port}`), { SERVER_PORT: port, DATA_DIR: dataDir });
      try {
        expect(new URL(server.url).port).toBe(port);
        for (const [line, judge] of asked) judge(await curl(line, server));
      } finally {
        expect(await server.stop('SIGTERM')).toBe(0);
      }
    },
    60_000,
  );
});

const PAUSED = 'ENABLE_STREAM_CONSUMERS=false npm start';
const RESUMED = 'ENABLE_STREAM_CONSUMERS=true npm start';

/** What `kill -TERM <pid>` does is part of every server test above. */
const COVERED_ABOVE = ['kill -TERM <pid>'];

async function json(response: Promise<Response>): Promise<Record<string, unknown>> {
  const answer = await response;
  expect(answer.ok).toBe(true);
  return (await answer.json()) as Record<string, unknown>;
}

async function send(server: RunningServer): Promise<string> {
  const body = JSON.stringify({ userId: 'user_001', channels: ['email'], to: { email: 'a@example.org' }, subject: 'Hello', body: 'Hello' });
  const headers = { 'content-type': 'application/json' };
  const accepted = await json(fetch(`${server.url}/api/v1/notifications`, { method: 'POST', headers, body }));
  return String(accepted['notificationId']);
}

async function statusOf(server: RunningServer, id: string): Promise<unknown> {
  return (await json(fetch(`${server.url}/api/v1/notifications/${id}`)))['status'];
}

test('What is accepted while consumers are off stays queued, and is delivered when they are on again', async () => {
  const env = { SERVER_PORT: '0', DATA_DIR: mkdtempSync(join(place, 'data-')) };
  const paused = await start(PAUSED, env);
  const id = await send(paused);
  for (let look = 0; look < 20; look++) expect(await statusOf(paused, id)).toBe('queued');
  expect(await paused.stop('SIGTERM')).toBe(0);

  const resumed = await start(RESUMED, env);
  let status = await statusOf(resumed, id);
  // Each look is a round trip; the limit is the test's own.
  while (status !== 'delivered') status = await statusOf(resumed, id);
  expect(await resumed.stop('SIGTERM')).toBe(0);
}, 60_000);

test('Every command that the table says runs, or puts in the place of another, is run by these tests or around them', () => {
  const known = new Set([...ONE_SHOT.keys(), ...SERVERS.keys(), ...[...SERVERS.values()].flatMap((asked) => [...asked.keys()])]);
  for (const command of [...ELSEWHERE, ...COVERED_ABOVE, PAUSED, RESUMED]) known.add(command);
  const commands = ROWS.flatMap((row) => {
    const command = executed(row);
    return command === null || ASSIGNMENT.test(command) ? [] : [{ text: row.text, command }];
  });
  expect(commands.length).toBeGreaterThan(40);
  expect(commands.filter(({ text, command }) => !SAID_ON_THE_STACK.has(text) && !known.has(command))).toEqual([]);
});
