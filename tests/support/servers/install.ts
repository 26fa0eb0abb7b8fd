import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { OwnName } from './recipe.js';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('./install.sh', import.meta.url));

/** Where everything is that no package manager looks after. */
export function serversDirectory(): string {
  return process.env['SIGNALBOX_SERVERS_DIR'] ?? '/var/cache/signalbox-servers';
}

/** Installs it if it is missing and we may; minutes for MongoDB's stand-in, once. Rejects with what a person can do about it. */
export async function ensureInstalled(name: OwnName | 'nginx' | 'syslog-ng' | 'hadolint'): Promise<void> {
  try {
    await run('bash', [SCRIPT, name], { maxBuffer: 16 * 1024 * 1024 });
  } catch (error) {
    const { stderr = '', message } = error as { readonly stderr?: string; readonly message: string };
    const said = stderr.trim().split('\n').slice(-5).join('\n');
    throw new Error(`${name} could not be installed: ${said === '' ? message : said}`);
  }
}
