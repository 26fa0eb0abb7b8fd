import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { eventually } from '../support/app.js';
import { ensureInstalled } from '../support/servers/install.js';

const run = promisify(execFile);
const MINUTES_TO_INSTALL = 300_000;
const DAY_MS = 86_400_000;
const COLLECTOR = 'syslog-ng';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'signalbox-logs-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

interface Service {
  readonly logging?: { readonly driver: string; readonly options: Readonly<Record<string, string>> };
}

describe('What the engine keeps of each container', () => {
  it.each(['docker/compose.base.yml', 'docker/compose.watch.yml', 'docker-compose.logs.yml'])(
    'is bounded for every service of %s',
    async (file) => {
      const { services } = parse(await readFile(file, 'utf8'), { merge: true }) as { services: Record<string, Service> };
      const unbounded = Object.entries(services).filter(
        ([, { logging }]) =>
          logging?.driver !== 'json-file' || logging.options['max-size'] !== '20m' || logging.options['max-file'] !== '5',
      );
      expect(Object.keys(services).length).toBeGreaterThan(1);
      expect(unbounded.map(([name]) => name)).toEqual([]);
    },
  );
});

describe('The collector', () => {
  /** A file as the engine's driver json-file writes it. */
  const containers = (): string => join(directory, 'containers');
  const written = async (kind: string): Promise<readonly string[]> => {
    const names = (await readdir(join(directory, 'logs')).catch(() => [])).filter((name) => name.startsWith(`${kind}-`));
    const texts = await Promise.all(names.map((name) => readFile(join(directory, 'logs', name), 'utf8')));
    return texts.join('').split('\n').filter(Boolean);
  };

  it(
    'keeps lines of ours as they were written, and those of others as text with their container',
    async () => {
      await ensureInstalled(COLLECTOR);
      const said = { roles: ['api'], n: 5, nested: { yes: true }, msg: 'ready; a "quoted" word' };
      const ours = JSON.stringify({ level: 'info', time: '2026-11-23T00:00:00.000Z', service: 'signalbox', worker: 'api-1', ...said });
      const id = 'abcdef0123456789';
      await mkdir(join(containers(), id), { recursive: true });
      const engine = (log: string, stream: string): string => `${JSON.stringify({ log, stream, time: '2026-11-23T00:00:00.1Z' })}\n`;
      const lines =
        engine(`${ours}\n`, 'stdout') + engine('Waiting {for} connections\n', 'stderr') + engine('{"service":"other"}\n', 'stdout');
      await writeFile(join(containers(), id, `${id}-json.log`), lines);
      const config = (await readFile('docker/logs/syslog-ng.conf', 'utf8'))
        .replaceAll('"/logs/', `"${directory}/logs/`)
        .replaceAll('"/var/lib/docker/containers"', `"${containers()}"`);
      const path = join(directory, 'syslog-ng.conf');
      await writeFile(path, config);
      const own = ['persist-file', 'pidfile', 'control'].map((name) => `--${name}=${join(directory, name)}`);
      const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` };
      const collector = spawn(COLLECTOR, ['-F', '--no-caps', '-f', path, ...own], { env, stdio: 'ignore' });
      const ended = new Promise((resolve) => collector.once('close', resolve));
      try {
        await eventually(async () => (await written('signalbox')).length + (await written('others')).length >= 3, 20_000);
      } finally {
        collector.kill('SIGTERM');
        await ended;
      }
      expect(await written('signalbox')).toEqual([ours]);
      expect((await written('others')).map((line) => JSON.parse(line) as unknown)).toEqual([
        { time: '2026-11-23T00:00:00.1Z', container: 'abcdef012345', stream: 'stderr', text: 'Waiting {for} connections' },
        { time: '2026-11-23T00:00:00.1Z', container: 'abcdef012345', stream: 'stdout', text: '{"service":"other"}' },
      ]);
    },
    MINUTES_TO_INSTALL,
  );
});

describe('Collected logs', () => {
  const make = async (name: string, daysOld: number): Promise<void> => {
    const path = join(directory, name);
    await writeFile(path, '{}\n');
    const at = new Date(Date.now() - daysOld * DAY_MS);
    await utimes(path, at, at);
  };
  const keep = (days = 30) =>
    run('sh', ['docker/logs/keep.sh', directory, 'once'], { env: { ...process.env, LOG_KEEP_DAYS: String(days) } });

  it('are kept for 30 days, and for longer in one archive a month', async () => {
    await make('signalbox-2020-01-30.jsonl', 32);
    await make('signalbox-2020-01-31.jsonl', 29);
    await make('others-2020-01-31.jsonl', 29);
    const today = `signalbox-${new Date().toISOString().slice(0, 10)}.jsonl`;
    await make(today, 0);
    await keep();
    expect((await readdir(directory)).sort()).toEqual(
      ['.kept', 'archive', 'others-2020-01-31.jsonl', 'signalbox-2020-01-31.jsonl', today].sort(),
    );
    expect(await readdir(join(directory, 'archive'))).toEqual(['2020-01.tar.gz']);
    const { stdout } = await run('tar', ['-tzf', join(directory, 'archive', '2020-01.tar.gz')]);
    expect(stdout.trim().split('\n').sort()).toEqual([
      './others-2020-01-31.jsonl',
      './signalbox-2020-01-30.jsonl',
      './signalbox-2020-01-31.jsonl',
    ]);
  });

  it('are all in the archive of their month, however short they are kept', async () => {
    const month = new Date().toISOString().slice(0, 7);
    await make(`signalbox-${month}-01.jsonl`, 9);
    await make('signalbox-2020-01-01.jsonl', 9);
    await keep(7);
    expect((await readdir(directory)).sort()).toEqual(['.kept', 'archive', `signalbox-${month}-01.jsonl`].sort());
    expect(await readdir(join(directory, 'archive'))).toEqual(['2020-01.tar.gz']);
  });

  it('leave the archive as it is, once it is made, and drop it after a year', async () => {
    await make('signalbox-2020-01-31.jsonl', 29);
    await mkdir(join(directory, 'archive'));
    await make('archive/2020-01.tar.gz', 10);
    await make('archive/2018-12.tar.gz', 368);
    await keep();
    expect(await readdir(join(directory, 'archive'))).toEqual(['2020-01.tar.gz']);
    expect(await readFile(join(directory, 'archive', '2020-01.tar.gz'), 'utf8')).toBe('{}\n');
  });
});
