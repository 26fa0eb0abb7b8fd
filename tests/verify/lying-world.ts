import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TargetName } from '../../verify/check.js';
import type { Site, Stoppable } from '../../verify/site.js';
import type { Means } from '../../verify/world.js';
import type { ServerProcess } from '../support/server-process.js';

/** A site where everything answers and nothing is so. */
export interface LyingWorld {
  readonly site: Site;
  readonly means: Means;
  readonly directory: string;
  end(): Promise<void>;
}

/** What a particular lie is about; to all else the answer is yes. */
export interface Lies {
  /** What is answered to GET of this path with its query; undefined: yes. */
  readonly answer?: (path: string) => unknown;
  /** What a command says, which ends with 0. */
  readonly say?: (argv: readonly string[]) => string;
  /** The project; default: an empty one. */
  readonly root?: string;
}

/** What a server says that says yes to everything. */
const YES = JSON.stringify({ status: 'healthy', ok: true, data: [] });

/**
 * A server that answers 200 to whatever it is asked, commands that end with 0 and say nothing, an empty project, and logs of
 * somebody else. A check that finds its row met here would find it met anywhere.
 */
export async function lyingWorld(target: TargetName, lies: Lies = {}): Promise<LyingWorld> {
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    const answer = lies.answer?.(request.url ?? '');
    response.end(answer === undefined ? YES : JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-lying-'));
  const site = siteAt(url, target);
  const ended = Promise.resolve({ code: 0, signal: null, at: 0 });
  const own: ServerProcess = {
    url,
    // Nobody has this id: a check that signals it must not hit anybody.
    pid: 2 ** 30,
    dataDir: join(directory, 'no-data'),
    ended,
    running: true,
    startMs: 60_000,
    tail: () => '',
    stop: () => ended,
    kill: () => ended,
  };
  const means: Means = {
    root: lies.root ?? join(directory, 'project'),
    command: (argv) => Promise.resolve({ code: 0, stdout: lies.say?.(argv) ?? '', stderr: '' }),
    server: () => Promise.resolve(own),
    start: () => Promise.resolve({ url, stop: () => Promise.resolve(0) }),
    patience: 0.002,
    withDrills: true,
    shared: new Map(),
  };
  return {
    site,
    means,
    directory,
    async end() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function siteAt(url: string, target: TargetName): Site {
  const fleet = target !== 'embedded';
  const page = { url, user: 'nobody', password: 'nothing' };
  const idle: Stoppable = { uri: url, pause: nothing, resume: nothing, stop: nothing, start: nothing };
  return {
    target,
    front: url,
    balancer: null,
    sinkAddress: null,
    apis: [url],
    workers: fleet ? [url] : [],
    expected: { apis: 2, workers: fleet ? 5 : 0 },
    sink: url,
    pollIntervalMs: 60_000,
    apiKey: null,
    metricsToken: null,
    management: fleet ? page : null,
    prometheus: url,
    alertmanager: url,
    grafana: page,
    servers: target === 'cluster' ? { mongodb: idle, rabbitmq: idle, redis: idle } : null,
    clusterDirectory: target === 'cluster' ? '/nowhere' : null,
    compose: target === 'compose' ? ['compose', '-f', 'docker-compose.scale.yml'] : null,
    environment: {},
    startMs: 60_000,
    about: 'a world that lies',
    logs: () => Promise.resolve(['not a line of ours']),
    end: nothing,
  };
}

function nothing(): Promise<void> {
  return Promise.resolve();
}
