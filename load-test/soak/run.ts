/**
 * The soak: see `--help` and docs/load-test.md.
 *
 * Exits 0 when every check held, 1 when one did not or the run failed, 2 when the command line is wrong.
 */
import { writeFileSync } from 'node:fs';
import { appendHistory, demandWritable } from '../history.js';
import { machineName } from '../machine.js';
import { UsageError } from '../options.js';
import { RunError } from '../target.js';
import { growthOf } from './growth.js';
import { HELP, readSoakOptions, type SoakOptions } from './options.js';
import { lineOf, type SoakCheck, type SoakReport, summaryLines } from './report.js';
import { NO_ERRORS } from './vitals.js';
import { SoakWatch } from './watch.js';
import { beginWork, type Stretch, type Work } from './work.js';

type Say = (line: string) => void;

const NOTHING: Stretch = { offered: 0, lost: 0, doubled: 0, p95: null, missed: [] };

/** Stretches of work with a check after each. Ends early where nobody answers any more, or when told to. */
async function checksOf(
  work: Work,
  watch: SoakWatch,
  options: SoakOptions,
  say: Say,
  interrupted: Promise<null>,
): Promise<readonly SoakCheck[]> {
  const { durationS, everyS } = options;
  const checks: SoakCheck[] = [];
  const startedAt = performance.now();
  const passed = (): number => (performance.now() - startedAt) / 1000;
  for (let left = durationS; left >= 1; left = durationS - passed()) {
    const check = await Promise.race([oneCheck(work, watch, Math.min(everyS, left), passed), interrupted]);
    if (check === null) break;
    checks.push(check);
    say(lineOf(check, durationS));
    if (check.processes === 0) break;
  }
  return checks;
}

/** What cannot be measured is a fault, and no reason to stop. */
async function oneCheck(work: Work, watch: SoakWatch, seconds: number, passed: () => number): Promise<SoakCheck> {
  let stretch = NOTHING;
  const faults: string[] = [];
  const failed = (error: unknown): void => void faults.push(error instanceof Error ? error.message : String(error));
  try {
    stretch = await work.stretch(seconds);
  } catch (error) {
    failed(error);
  }
  const { offered, lost, doubled, p95 } = stretch;
  const about = { at: passed(), offered, lost, doubled, p95 };
  try {
    const found = await watch.check(about.at, stretch);
    return { ...about, ...found, faults: [...faults, ...found.faults] };
  } catch (error) {
    failed(error);
    return { ...about, processes: 0, errors: NO_ERRORS, rssMb: null, faults };
  }
}

async function soak(options: SoakOptions, command: string, say: Say): Promise<SoakReport> {
  const work = await beginWork(options, command, say);
  const watch = new SoakWatch(work.target, options);
  let interrupt = (): void => {};
  const interrupted = new Promise<null>((resolve) => {
    interrupt = () => resolve(null);
  });
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const { urls, own, fleet } = work.target;
  const at = new Date().toISOString();
  const startedAt = performance.now();
  try {
    await watch.begin();
    say(`soak: ${options.workload} at ${urls.join(', ')} for ${options.durationS} s, checked every ${options.everyS} s`);
    const checks = await checksOf(work, watch, options, say, interrupted);
    const memory = [...watch.memory].map(([workerId, looks]) => ({ workerId, looks, growth: growthOf(looks) }));
    const { durationS, everyS, workload, rate } = options;
    const lastedS = Math.min(durationS, (performance.now() - startedAt) / 1000);
    return {
      at,
      command,
      scenario: 'soak',
      node: process.version,
      machine: machineName(),
      target: { url: urls.join(','), own, kind: fleet.kind, processes: fleet.members.length },
      workload,
      rate: workload === 'idle' ? 0 : rate,
      durationS,
      lastedS,
      everyS,
      checks,
      memory,
      passed:
        lastedS > durationS - 1 &&
        checks.length > 0 &&
        checks.every(({ faults }) => faults.length === 0) &&
        memory.every(({ growth }) => growth?.grows !== true),
    };
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    await watch.close();
    await work.end();
  }
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const options = readSoakOptions(args);
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  for (const path of [options.report, options.history]) demandWritable(path);
  const say: Say = (line) => void (options.json ? process.stderr : process.stdout).write(`${line}\n`);
  const report = await soak(options, ['npm run soak --', ...args].join(' '), say);
  writeFileSync(options.report, `${JSON.stringify(report, null, 2)}\n`);
  appendHistory(options.history, report);
  if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  for (const line of summaryLines(report)) say(line);
  say(`report: ${options.report}, history: ${options.history}`);
  return report.passed ? 0 : 1;
}

try {
  // One that was interrupted has work under way that nobody waits for.
  process.exit(await main());
} catch (error) {
  const known = error instanceof UsageError || error instanceof RunError;
  process.stderr.write(`soak: ${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
}
