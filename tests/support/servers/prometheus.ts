import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Recipe } from './recipe.js';

const run = promisify(execFile);

/** The first of these commands that is there: Debian has a name of its own for one of them. */
async function firstOf(...names: readonly [string, ...string[]]): Promise<string> {
  for (const name of names) {
    const there = await run('sh', ['-c', `command -v ${name}`]).then(
      () => true,
      () => false,
    );
    if (there) return name;
  }
  return names[0];
}

async function answersOn(uri: string): Promise<void> {
  const answer = await fetch(`${uri}/-/ready`, { signal: AbortSignal.timeout(2_000) });
  if (!answer.ok) throw new Error(`${uri} answered ${answer.status}`);
}

/** What those started here put into the links of alerts. */
export const RUNBOOK_URL = 'https://runbook.example.org/signalbox';

/** Prometheus, with the `prometheus.yml` that the caller has put into its directory. */
export const prometheus: Recipe = {
  name: 'prometheus',
  morePorts: 0,
  readyWithinMs: 30_000,
  stopWithinMs: 10_000,
  about: async () => 'Prometheus',
  uri: (port) => `http://127.0.0.1:${port}`,
  async prepare({ dataDir, ports }) {
    const options = {
      'config.file': join(dataDir, 'prometheus.yml'),
      'storage.tsdb.path': join(dataDir, 'data'),
      'web.listen-address': `127.0.0.1:${ports[0]}`,
    };
    const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const features = ['--web.enable-lifecycle', '--enable-feature=expand-external-labels'];
    return [{ argv: ['prometheus', ...flags, ...features, '--log.level=warn'], cwd: dataDir, env: { RUNBOOK_URL } }];
  },
  ping: answersOn,
  elsewhere: () => [],
};

/** Alertmanager by itself, with the `alertmanager.yml` that the caller has put into its directory. */
export const alertmanager: Recipe = {
  name: 'alertmanager',
  morePorts: 0,
  readyWithinMs: 30_000,
  stopWithinMs: 10_000,
  about: async () => 'Alertmanager',
  uri: (port) => `http://127.0.0.1:${port}`,
  async prepare({ dataDir, ports }) {
    const options = {
      'config.file': join(dataDir, 'alertmanager.yml'),
      'storage.path': join(dataDir, 'data'),
      'web.listen-address': `127.0.0.1:${ports[0]}`,
      // Without others of its kind.
      'cluster.listen-address': '',
    };
    const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const command = await firstOf('alertmanager', 'prometheus-alertmanager');
    return [{ argv: [command, ...flags, '--log.level=warn'], cwd: dataDir, env: {} }];
  },
  ping: answersOn,
  elsewhere: () => [],
};
