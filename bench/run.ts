/**
 * The benchmarks' one runner.
 *
 *   npm run bench -- [case …] [--rounds n] [--items n] [--json] [--profile dir] [--help]
 *
 * Exits 0 when every case ran and lost nothing, whether or not a target is met; 1 when an item was lost or doubled or a
 * case could not run; 2 when the command line is wrong. docs/benchmarks.md says what each figure means.
 */
import { relative } from 'node:path';
import { ensureBuilt, ROOT } from './built.js';
import { type Case, type CaseResult, Inexact } from './case.js';
import { embeddedHttp } from './cases/embedded-http.js';
import { embeddedIdle } from './cases/embedded-idle.js';
import { embeddedPipeline } from './cases/embedded-pipeline.js';
import { messages } from './cases/messages.js';
import { mongodbClaims } from './cases/mongodb-claims.js';
import { mongodbWrites } from './cases/mongodb-writes.js';
import { rabbitmqWakeUps } from './cases/rabbitmq.js';
import { workersScaling } from './cases/workers.js';
import { type Options, readOptions, UsageError } from './options.js';
import { keep, print, reportOf } from './report.js';

const CASES: readonly Case[] = [
  embeddedPipeline,
  embeddedHttp,
  embeddedIdle,
  mongodbClaims,
  mongodbWrites,
  rabbitmqWakeUps,
  messages,
  ...workersScaling,
];

const HELP = `usage: npm run bench -- [case …] [flags]

A case runs when its name begins with one of the words given; without words all run.

${CASES.map(({ name, summary }) => `  ${name.padEnd(20)} ${summary}`).join('\n')}

  --rounds n      rounds in rotation, at least 3 (default 3)
  --items n       items per contestant and round (default: the case's own)
  --json          the report as JSON on standard output
  --profile dir   write a V8 CPU profile of each contestant's process to dir
  --help          this text
`;

function choose({ wanted }: Options): readonly Case[] {
  for (const word of wanted) {
    if (!CASES.some(({ name }) => name.startsWith(word))) {
      throw new UsageError(`${word}: no case of this name; there are ${CASES.map(({ name }) => name).join(', ')}`);
    }
  }
  return wanted.length === 0 ? CASES : CASES.filter(({ name }) => wanted.some((word) => name.startsWith(word)));
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const options = readOptions(args);
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const chosen = choose(options);
  ensureBuilt();
  const results: CaseResult[] = [];
  for (const each of chosen) {
    const progress = (line: string): void => void process.stderr.write(`${each.name}: ${line}\n`);
    results.push(await each.run({ rounds: options.rounds, items: options.items, profileDir: options.profileDir, progress }));
  }
  const report = reportOf(['npm run bench --', ...args].join(' '), options.rounds, results);
  const path = keep(report);
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : `${print(report)}\n\nkept as ${relative(ROOT, path)}\n`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof UsageError) process.exitCode = 2;
  else process.exitCode = 1;
  const known = error instanceof UsageError || error instanceof Inexact;
  process.stderr.write(`bench: ${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
}
