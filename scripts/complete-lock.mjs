/**
 * Completes package-lock.json after an install on one platform. Where a registry does not serve the packages of other
 * platforms, npm leaves them out of the lock, and `npm ci` then refuses the lock (npm 11) or installs nothing native
 * elsewhere. Every optional dependency without an entry gets one: version, platform, `optional`.
 *
 *   node scripts/complete-lock.mjs            writes what is missing
 *   node scripts/complete-lock.mjs --check    exits 1 if anything is missing
 */
import { readFileSync, writeFileSync } from 'node:fs';

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8'));
const { packages } = lock;

/** Is `name` found from the place `from`, as Node would look for it? */
function isThere(name, from) {
  for (let place = from; ; place = place.slice(0, Math.max(0, place.lastIndexOf('/node_modules/')))) {
    if (packages[`${place === '' ? '' : `${place}/`}node_modules/${name}`] !== undefined) return true;
    if (place === '') return false;
  }
}

function stub(name, range, parent) {
  const os = /android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32|aix/.exec(name)?.[0];
  const cpu = /arm64|x64|ia32|arm(?!64)|loong64|mips64el|ppc64|riscv64|s390x|wasm32/.exec(name)?.[0];
  return {
    version: range.replace(/^[\^~]/, ''),
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(parent.dev === true ? { dev: true } : {}),
    optional: true,
    ...(os === undefined ? {} : { os: [os] }),
  };
}

const missing = {};
for (const [place, entry] of Object.entries(packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if (!isThere(name, place)) missing[`node_modules/${name}`] = stub(name, range, entry);
  }
}

const names = Object.keys(missing);
if (process.argv.includes('--check')) {
  if (names.length > 0) process.stderr.write(`package-lock.json lacks ${names.length} entries: run node scripts/complete-lock.mjs\n`);
  process.exitCode = names.length === 0 ? 0 : 1;
} else if (names.length > 0) {
  lock.packages = Object.fromEntries(Object.entries({ ...packages, ...missing }).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  process.stdout.write(`${names.length} entries added\n`);
}
