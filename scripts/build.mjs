/**
 * Transpiles src/**\/*.ts to dist/, file by file, and nothing else. Types are checked by `tsc`, not here.
 *
 *   node scripts/build.mjs              builds
 *   node scripts/build.mjs --if-stale   builds unless dist/ is newer than every source, package.json and the lock file
 *
 * Each file is written beside its place and renamed into it, and the stamp that says "built" goes last: a process
 * that reads dist/ meanwhile sees whole files, and two builds at once write the same bytes.
 */
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const source = join(root, 'src');
const output = join(root, 'dist');
const stamp = join(output, '.built');

function sources() {
  return readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Milliseconds of the last change, or 0 where there is no such file. */
function changedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Directories count too: removing a source changes nothing but the directory it was in. */
function isStale() {
  // An image holds no sources: what was built is all there is.
  if (!existsSync(source)) return false;
  const built = changedAt(stamp);
  if (built === 0) return true;
  const inputs = new Set([join(root, 'package.json'), join(root, 'package-lock.json'), fileURLToPath(import.meta.url), source]);
  for (const file of sources()) inputs.add(file).add(dirname(file));
  for (const input of inputs) if (changedAt(input) >= built) return true;
  return false;
}

async function place(path, contents, changed = new Date()) {
  await mkdir(dirname(path), { recursive: true });
  const beside = `${path}.${process.pid}.tmp`;
  await writeFile(beside, contents);
  await utimes(beside, changed, changed);
  await rename(beside, path);
}

/** Drops what an earlier build left of sources that are gone. Another build's unfinished files are its own business. */
async function sweep(kept) {
  const entries = await readdir(output, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !kept.has(path) && !/\.\d+\.tmp$/.test(entry.name)) await rm(path, { force: true });
  }
  const directories = entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  for (const directory of directories.sort((a, b) => b.length - a.length)) await rmdir(directory).catch(() => undefined);
}

async function build() {
  // Taken before reading: a source that changes while we build is newer than the stamp, and the next check builds again.
  const startedAt = new Date();
  const { build: transpile } = await import('esbuild');
  const entryPoints = sources();
  const result = await transpile({
    entryPoints,
    outdir: output,
    outbase: source,
    absWorkingDir: root,
    bundle: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    write: false,
    logLevel: 'error',
  });
  await Promise.all(result.outputFiles.map((file) => place(file.path, file.contents)));
  await sweep(new Set([...result.outputFiles.map((file) => file.path), stamp]));
  await place(stamp, `${startedAt.toISOString()}\n`, startedAt);
  return entryPoints.length;
}

/** Builds, or only makes sure that there is a fresh build. Says on standard error when it built. */
export async function ensureBuilt(onlyIfStale) {
  if (onlyIfStale && !isStale()) return;
  const startedAt = performance.now();
  const count = await build();
  const took = Math.round(performance.now() - startedAt);
  console.error(`built ${count} files to ${relative(root, output)}${sep} in ${took} ms`);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await ensureBuilt(process.argv.includes('--if-stale'));
}
