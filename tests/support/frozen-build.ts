import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../../..');

/** A copy of a fresh build, with everything that it needs to run. */
export interface FrozenBuild {
  /** Holds `dist/`; also where a run may keep its other files. */
  readonly directory: string;
  remove(): Promise<void>;
}

/**
 * Builds if need be and copies the result: a run that starts the program again and again then starts the same program,
 * whatever is edited meanwhile.
 */
export async function freezeBuild(parent = tmpdir()): Promise<FrozenBuild> {
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--if-stale'], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`the build failed: ${built.stderr}`);
  const directory = await mkdtemp(join(parent, 'signalbox-run-'));
  await cp(join(root, 'dist'), join(directory, 'dist'), { recursive: true });
  await cp(join(root, 'package.json'), join(directory, 'package.json'));
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}
