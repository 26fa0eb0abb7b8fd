/**
 * The load test's one runner: see `--help` and docs/load-test.md.
 *
 * Exits 0 when every objective was met, 1 when one was not or the run failed, 2 when the command line is wrong.
 */
import { writeFileSync } from 'node:fs';
import { runFairness } from './fairness.js';
import { runFindMax } from './find-max.js';
import { appendHistory, demandWritable, readHistory } from './history.js';
import { isAboutMessages } from './messages/options.js';
import { runMessages } from './messages/run.js';
import { HELP, type Options, readOptions, UsageError } from './options.js';
import { print } from './print.js';
import { renderReport } from './report.js';
import { type Setup, setUp } from './setup.js';
import { historyOf, runSteady } from './steady.js';
import { RunError } from './target.js';

/** With --json standard output is the result's alone. */
function sayTo(options: Options): (line: string) => void {
  const output = options.json ? process.stderr : process.stdout;
  return (line) => void output.write(`${line}\n`);
}

async function steady(setup: Setup, options: Options, command: string, say: (line: string) => void): Promise<boolean> {
  const result = await runSteady(setup, options, command, say);
  const entry = historyOf(result);
  const earlier = readHistory(options.history);
  appendHistory(options.history, entry);
  writeFileSync(options.report, await renderReport(result, [...earlier, entry]));
  if (options.json) process.stdout.write(`${JSON.stringify(entry, null, 2)}\n`);
  else process.stdout.write(`\n${print(result)}\n`);
  say(`report: ${options.report}, history: ${options.history}`);
  return result.passed;
}

async function findMax(setup: Setup, options: Options, command: string, say: (line: string) => void): Promise<boolean> {
  const result = await runFindMax(setup, options, command, say);
  if (result === null) return false;
  const entry = historyOf(result);
  appendHistory(options.history, entry);
  if (options.json) process.stdout.write(`${JSON.stringify(entry, null, 2)}\n`);
  return true;
}

function run(setup: Setup, options: Options, command: string, say: (line: string) => void): Promise<boolean> {
  switch (options.scenario) {
    case 'steady':
      return steady(setup, options, command, say);
    case 'fairness':
      return runFairness(setup, options, say);
    case 'find-max':
      return findMax(setup, options, command, say);
  }
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (isAboutMessages(args)) return (await runMessages(args)) ? 0 : 1;
  const options = readOptions(args);
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (options.scenario !== 'fairness') for (const path of [options.report, options.history]) demandWritable(path);
  const say = sayTo(options);
  const setup = await setUp(options, say);
  // Ctrl-C takes the server of our own along, and its data.
  const interrupted = (): void => void setup.end().finally(() => process.exit(130));
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    return (await run(setup, options, ['npm run load-test --', ...args].join(' '), say)) ? 0 : 1;
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    await setup.end();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = error instanceof UsageError ? 2 : 1;
  const known = error instanceof UsageError || error instanceof RunError;
  process.stderr.write(`load-test: ${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
}
