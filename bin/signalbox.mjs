#!/usr/bin/env node
/** The command line, from a fresh build: an installed package has one, a working copy gets one. */
import { existsSync } from 'node:fs';
import { ensureBuilt } from '../scripts/build.mjs';

// Whoever reads has seen enough, as `| head` does: that is no failure.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

await ensureBuilt(true);
const entry = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(entry)) {
  const { run } = await import(entry.href);
  process.exitCode = await run(process.argv.slice(2));
} else {
  console.error('signalbox: this version has no command line (src/cli/main.ts is missing)');
  process.exitCode = 1;
}
