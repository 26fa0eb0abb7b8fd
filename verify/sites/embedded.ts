import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '../../tests/support/server-process.js';
import type { Site } from '../site.js';

/** Name of the process that is measured. */
const EMBEDDED_NAME = 'verify-1';

/** Long enough that nothing can rest on it; retries that a person would wait for, within a check. */
export const QUICK = {
  POLL_INTERVAL_MS: '60000',
  RETRY_BACKOFF_MS: '100',
  RETRY_BACKOFF_MAX_MS: '1000',
};

/** The program as `npm start` runs it, with its sink, on a free port and a data directory of its own. */
export async function openEmbedded(build: string): Promise<Site> {
  const place = await mkdtemp(join(tmpdir(), 'signalbox-verify-'));
  const logFile = join(place, 'server.log');
  const settings = { NODE_ENV: 'development', WORKER_ID: EMBEDDED_NAME, DATA_DIR: join(place, 'data'), ...QUICK };
  const server = await startServer({ directory: build, settings, logFile }).catch(async (error: unknown) => {
    await rm(place, { recursive: true, force: true });
    throw error;
  });
  return {
    target: 'embedded',
    front: server.url,
    balancer: null,
    sinkAddress: null,
    apis: [server.url],
    workers: [],
    expected: { apis: 1, workers: 0 },
    sink: server.url,
    pollIntervalMs: Number(QUICK.POLL_INTERVAL_MS),
    apiKey: null,
    metricsToken: null,
    management: null,
    prometheus: null,
    alertmanager: null,
    grafana: null,
    servers: null,
    clusterDirectory: null,
    compose: null,
    environment: {},
    startMs: server.startMs,
    about: `a server of its own at ${server.url} (one process, embedded store)`,
    logs: () => Promise.resolve(linesOf(readFileSync(logFile, 'utf8'))),
    async end() {
      await server.stop();
      await rm(place, { recursive: true, force: true });
    },
  };
}

export function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}
