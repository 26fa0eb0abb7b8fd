/**
 * `npm run verify`: the acceptance list, measured. See `--help` and docs/verify.md.
 *
 * Exits 0 when nothing failed, 1 when something did or the target could not be had, 2 when the command line is wrong.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { start } from '../tests/docs/server.js';
import { freezeBuild } from '../tests/support/frozen-build.js';
import { startServer } from '../tests/support/server-process.js';
import { CHECKS } from './checks.js';
import { keep } from './evidence.js';
import { judge, notOn } from './judge.js';
import { chosen, HELP, type Options, readOptions, UsageError } from './options.js';
import { reasonFor } from './reasons.js';
import { countsOf, lineOf, type Report, summaryOf } from './report.js';
import { type Row, readRows } from './rows.js';
import { openSite } from './sites.js';
import { command, type Means } from './world.js';

const ROOT = resolve(fileURLToPath(import.meta.url), '../..');

function list(rows: readonly Row[], { target }: Options): string {
  return rows
    .map((row) => {
      const check = CHECKS.find(({ id }) => id === row.id);
      const state = check === undefined ? `no check yet: ${reasonFor(row)}` : (notOn(check, target) ?? 'has a check');
      return `${row.id.padEnd(7)} ${row.requirement}\n        proof: ${row.check || '(not said)'}\n        ${state}`;
    })
    .join('\n');
}

async function measured(rows: readonly Row[], options: Options, say: (line: string) => void): Promise<Report> {
  const startedAt = new Date();
  const directory = join(resolve(options.directory), startedAt.toISOString().replace(/[:.]/g, '-'));
  const build = await freezeBuild();
  const undo: (() => Promise<unknown>)[] = [build.remove];
  try {
    const site = await openSite(options, ROOT, build.directory, say);
    undo.unshift(() => site.end());
    say(`target: ${site.about}`);
    const means: Means = {
      root: ROOT,
      command,
      server: (settings) => startServer({ directory: build.directory, settings }),
      start,
      patience: 1,
      withDrills: options.withDrills,
      shared: new Map(),
    };
    const verdicts = await judge(rows, { checks: CHECKS, reasonFor, site, means, directory, tell: (verdict) => say(lineOf(verdict)) });
    const head = await command(['git', 'rev-parse', 'HEAD'], { cwd: ROOT });
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string };

    const report: Report = {
      at: startedAt.toISOString(),
      target: site.target,
      site: site.about,
      version,
      commit: head.code === 0 ? head.stdout.trim() : null,
      node: process.version,
      counts: countsOf(verdicts),
      rows: verdicts,
    };
    say(summaryOf(report));
    say(`report and evidence: ${keep(directory, 'report', report)}`);
    return report;
  } finally {
    for (const each of undo) await each().catch((error: unknown) => say(`not cleaned up: ${String(error)}`));
  }
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const rows = chosen(readRows(ROOT), options.only);
  if (options.list) {
    process.stdout.write(`${list(rows, options)}\n`);
    return 0;
  }
  // With --json - standard output is the report's alone.
  const output = options.json === '-' ? process.stderr : process.stdout;
  const report = await measured(rows, options, (line) => void output.write(`${line}\n`));
  const text = `${JSON.stringify(report, null, 2)}\n`;
  if (options.json === '-') process.stdout.write(text);
  else if (options.json !== null) writeFileSync(options.json, text);
  return report.counts.failed === 0 ? 0 : 1;
}

// Through `exit`, which takes along what was started.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1));
try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = error instanceof UsageError ? 2 : 1;
  process.stderr.write(`verify: ${error instanceof Error ? error.message : String(error)}\n`);
}
