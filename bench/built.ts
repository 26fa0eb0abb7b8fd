import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Brings dist/ up to date: what is measured is what production runs. */
export function ensureBuilt(): void {
  const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts/build.mjs'), '--if-stale'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error('the build failed');
}

/** A module of dist/, under the type of its source: `built<typeof Wire>('wire.js')`. */
export async function built<Module>(path: string): Promise<Module> {
  return (await import(new URL(`../dist/${path}`, import.meta.url).href)) as Module;
}

const TMPFS_MAGIC = 0x01021994;

/** A fresh directory on a disk: an fsync on a file system in memory would cost nothing and prove nothing. */
export function makeDataDir(): string {
  const temporary = tmpdir();
  if (statfsSync(temporary).type !== TMPFS_MAGIC) return mkdtempSync(join(temporary, 'signalbox-bench-'));
  const data = join(ROOT, 'data');
  mkdirSync(data, { recursive: true });
  return mkdtempSync(join(data, 'bench-'));
}

export function removeDataDir(path: string): void {
  rmSync(path, { recursive: true, force: true });
}
