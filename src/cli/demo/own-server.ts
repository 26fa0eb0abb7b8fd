import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { keySettings } from '../../config/client-key.js';
import { CliError } from '../cli-error.js';

/** A server of the demo's own, with its sink on and its data in a temporary directory. */
export interface OwnServer {
  readonly url: string;
  /** Holds its data. */
  readonly directory: string;
  /** SIGTERM, waits for the end, removes the data. */
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 15_000;
/** Enough for the whole feed; the sink then forgets nothing that the demo wants to compare. */
const SINK_KEEP = '50000';

/**
 * Starts `dist/main.js` on a free port. Its environment is these settings alone, in a directory without a `.env`: the
 * demo must not reach the mail relay that is configured for something else.
 */
export async function startOwnServer(): Promise<OwnServer> {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-demo-'));
  const main = fileURLToPath(new URL('../../main.js', import.meta.url));
  const own = { NODE_ENV: 'development', SERVER_PORT: '0', DATA_DIR: directory, SINK: 'on', SINK_KEEP, LOG_LEVEL: 'info' };
  const settings = { ...own, ...keySettings() };
  const child = spawn(process.execPath, [main], { cwd: directory, env: settings, stdio: ['ignore', 'pipe', 'pipe'] });
  const takeAlong = (): void => void child.kill('SIGTERM');
  process.once('exit', takeAlong);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await ended;
    clearTimeout(timer);
    process.off('exit', takeAlong);
    await rm(directory, { recursive: true, force: true });
  };
  const complaints: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => complaints.push(line));
  const ready = new Promise<string>((resolve) => {
    // Read to the end in any case: a full pipe would stop the server.
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('"msg":"ready"')) resolve((JSON.parse(line) as { readonly url: string }).url);
    });
  });
  const url = await Promise.race([ready, ended.then(() => null), late()]);
  if (url !== null) return { url, directory, stop };
  await stop();
  throw new CliError(`the demo's own server did not start: ${complaints.at(-1) ?? 'it said nothing'}`);
}

function late(): Promise<null> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(null), READY_WITHIN_MS).unref();
  });
}
