import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeDataDir, removeDataDir } from '../bench/built.js';
import { keySettings } from '../src/config/client-key.js';
import { freezeBuild } from '../tests/support/frozen-build.js';
import { Client } from './client.js';
import { askFleet, type Fleet } from './fleet.js';
import type { Origins } from './options.js';

/** A balancer spreads requests itself. The stack's answers on 8080 what it keeps from strangers on 80. */
const BALANCERS = ['http://127.0.0.1:8080', 'http://127.0.0.1:80'] as const;
/** Where the checklists' servers are: behind the balancer, `npm run start:dev` or the cluster's API, `npm start`. */
const USUAL = [...BALANCERS, 'http://127.0.0.1:3001', 'http://127.0.0.1:3000'] as const;
const PATIENCE_MS = 1000;
const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 20_000;

/** A server to be loaded, or a fleet. */
export interface Target {
  /** Where requests go, in turns. */
  readonly urls: Origins;
  readonly fleet: Fleet;
  /** Started by us, and gone when we end. */
  readonly own: boolean;
  stop(): Promise<void>;
}

/** The run cannot go on; the message is one line for a person. */
export class RunError extends Error {
  override readonly name = 'RunError';
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    return ((await response.json()) as { readonly status?: unknown }).status === 'live';
  } catch {
    return false;
  }
}

/**
 * Those that were asked for, or the first usual one that answers with all APIs of its fleet; null where none does.
 * @throws RunError
 */
export async function findTarget(given: Origins | null): Promise<Target | null> {
  if (given !== null) {
    const live = await Promise.all(given.map(answers));
    const silent = given.filter((_url, index) => !live[index]);
    if (silent.length > 0) throw new RunError(`no Signalbox answers at ${silent.join(', ')}`);
    return targetOf(given, await fleetOf(given[0]));
  }
  const live = await Promise.all(USUAL.map(answers));
  const url = USUAL.find((_url, index) => live[index]);
  if (url === undefined) return null;
  const fleet = await fleetOf(url);
  return targetOf(BALANCERS.some((balancer) => balancer === url) ? [url] : await apisOf(url, fleet), fleet);
}

function targetOf(urls: Origins, fleet: Fleet): Target {
  return { urls, fleet, own: false, stop: () => Promise.resolve() };
}

async function fleetOf(url: string): Promise<Fleet> {
  const client = new Client([url], 2);
  try {
    return await askFleet(client);
  } finally {
    await client.close();
  }
}

/** The server that answered, and those other APIs of its fleet that answer too. */
async function apisOf(url: string, { members }: Fleet): Promise<Origins> {
  const others = members.flatMap((member) =>
    member.roles.includes('api') && member.url !== null && member.url !== url ? [member.url] : [],
  );
  const live = await Promise.all(others.map(answers));
  return [url, ...others.filter((_url, index) => live[index])];
}

/**
 * The built program with its default settings on a data directory of its own; a copy of the build, because a run of ten
 * minutes must not notice that somebody builds. Its environment is these settings alone. The log goes to a file: lines
 * read here would take time from the generator.
 */
export async function startTarget(webhookAllow: readonly string[], settings: Readonly<Record<string, string>> = {}): Promise<Target> {
  const build = await freezeBuild();
  const dataDir = makeDataDir();
  const env = {
    NODE_ENV: 'development',
    SERVER_PORT: '0',
    DATA_DIR: dataDir,
    SINK: 'on',
    SINK_KEEP: '5000',
    LOG_LEVEL: 'info',
    ...(webhookAllow.length === 0 ? {} : { WEBHOOK_ALLOW: webhookAllow.join(',') }),
    ...keySettings(),
    ...settings,
  };
  const child = spawn(process.execPath, ['--enable-source-maps', join(build.directory, 'dist/main.js')], {
    cwd: dataDir,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const takeAlong = (): void => void child.kill('SIGTERM');
  process.once('exit', takeAlong);
  const ended = new Promise<null>((resolve) => {
    child.once('exit', () => resolve(null));
    child.once('error', () => resolve(null));
  });
  const complaints: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => complaints.push(line));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await ended;
    clearTimeout(timer);
    process.off('exit', takeAlong);
    removeDataDir(dataDir);
    await build.remove();
  };
  const url = await Promise.race([readyUrl(child.stdout, join(dataDir, 'log.ndjson')), ended, late()]);
  if (url !== null) return { urls: [url], fleet: await fleetOf(url), own: true, stop };
  await stop();
  throw new RunError(`the load test's own server did not start: ${complaints.at(-1) ?? 'it said nothing'}`);
}

/** The address in the line that says "ready"; from then on the lines go to the file. */
function readyUrl(output: NodeJS.ReadableStream, logFile: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const hear = (chunk: Buffer): void => {
      text += chunk.toString('utf8');
      const line = text.split('\n').find((one) => one.includes('"msg":"ready"') && one.endsWith('}'));
      if (line === undefined) return;
      output.off('data', hear);
      output.pipe(createWriteStream(logFile));
      resolve((JSON.parse(line) as { readonly url: string }).url);
    };
    output.on('data', hear);
  });
}

function late(): Promise<null> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(null), READY_WITHIN_MS).unref();
  });
}
