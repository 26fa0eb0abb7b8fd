import { parseArgs } from 'node:util';
import type { Balance } from '../../tools/ledger/entry.js';
import { addBalances, table } from '../../tools/ledger/table.js';
import { CONFIGURATIONS, type Configuration, configurationOf } from './configurations.js';
import { noFaultCounts } from './faults.js';
import { findFirst } from './first.js';
import { huntAll } from './hunt.js';
import { runSeed, runSoak } from './schedule.js';
import type { Verdict } from './verdict.js';

const USAGE = `Runs seeded schedules of the real pipeline on simulated ports.

  npm run simulate -- [flags]

  --seeds N      how many schedules (default 1000)
  --from N       the first seed (default 1)
  --seed N       this one schedule, with its trace
  --config NAME  what it is held to (default normal):
${CONFIGURATIONS.map(({ name, about }) => `                   ${name.padEnd(16)} ${about}`).join('\n')}
  --hours N      instead of many short schedules one fleet that lives for so many virtual hours: each begins with a spell of faults
                 and goes on with a little work in peace; at its end nothing may be open, wait, or have piled up
  --first        stop at the first schedule that breaks a rule, and print it as a line of JSON
  --trace        print the trace of every schedule that breaks a rule
  --mutants      break the pipeline on purpose, one way at a time: each must be found
  --only NAME    with --mutants: this one
  --help

Exit status: 0 all held, 1 a rule was broken (or a mutant not found), 2 the flags make no sense.`;

/** Schedules that broke a rule and are printed. */
const SHOWN = 5;

interface Flags {
  readonly seeds: number;
  readonly from: number;
  readonly seed: number | null;
  /** Null: no soak. */
  readonly hours: number | null;
  readonly configuration: Configuration;
  readonly trace: boolean;
  readonly first: boolean;
  readonly mutants: boolean;
  readonly only: string | null;
  readonly help: boolean;
}

function flagsOf(args: readonly string[]): Flags {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = {
    seeds: text,
    from: text,
    seed: text,
    hours: text,
    config: text,
    only: text,
    first: flag,
    trace: flag,
    mutants: flag,
    help: flag,
  } as const;
  const { values } = parseArgs({ args: [...args], options, strict: true });
  const whole = (name: string, given: string | undefined, fallback: number): number => {
    if (given === undefined) return fallback;
    if (!/^\d{1,15}$/.test(given)) throw new Error(`--${name} wants a whole number, not "${given}"`);
    return Number(given);
  };
  const only = values.only ?? null;
  if (only !== null && !values.mutants) throw new Error('--only goes with --mutants');
  const configuration = configurationOf(values.config ?? 'normal');
  if (values.hours !== undefined && (configuration.protocol === 'stream' || configuration.calm))
    throw new Error(`--hours wants a configuration with a store and faults, not ${configuration.name}`);
  return {
    seeds: whole('seeds', values.seeds, 1000),
    from: whole('from', values.from, 1),
    seed: values.seed === undefined ? null : whole('seed', values.seed, 0),
    hours: values.hours === undefined ? null : whole('hours', values.hours, 0),
    configuration,
    trace: values.trace,
    first: values.first,
    mutants: values.mutants,
    only,
    help: values.help,
  };
}

function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

function show(verdict: Verdict, flags: Flags): void {
  if (flags.trace) print(...verdict.trace);
  print(`seed ${verdict.seed} breaks ${verdict.violations.length} rules:`);
  for (const { kind, at, detail } of verdict.violations.slice(0, SHOWN)) print(`  at ${Math.round(at)} ms ${kind}: ${detail}`);
  print(`  again, with its trace: npm run simulate -- --config ${flags.configuration.name} --seed ${verdict.seed}`);
}

async function runOne(seed: number, flags: Flags): Promise<number> {
  const verdict = await runSeed(seed, flags.configuration, true);
  print(...verdict.trace, '', table(verdict.report));
  if (verdict.violations.length > 0) show(verdict, { ...flags, trace: false });
  return verdict.violations.length === 0 ? 0 : 1;
}

/** One fleet, for hours. */
async function soak(flags: Flags, hours: number): Promise<number> {
  const startedAt = performance.now();
  const verdict = await runSoak(flags.seed ?? flags.from, flags.configuration, hours, flags.trace);
  const { violations, report, counts, covered, steps } = verdict;
  print(table(report), `faults: ${listed(counts)}`, `covered: ${listed(covered)}`);
  for (const { kind, at, detail } of violations.slice(0, SHOWN)) print(`  at ${Math.round(at)} ms ${kind}: ${detail}`);
  if (violations.length > 0 && flags.trace) print(...verdict.trace);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const outcome = violations.length === 0 ? 'every rule held' : `${violations.length} rules were broken`;
  print(`${hours} virtual hours (seed ${verdict.seed}), ${steps} steps, ${seconds} s: ${outcome}`);
  return violations.length === 0 ? 0 : 1;
}

function listed(of: object): string {
  return Object.entries(of)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

async function runMany(flags: Flags): Promise<number> {
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  const counts = noFaultCounts();
  const covered: Record<string, number> = {};
  let balance: Balance | null = null;
  let steps = 0;
  let broken = 0;
  for (let seed = flags.from; seed < flags.from + flags.seeds; seed += 1) {
    const verdict = await runSeed(seed, flags.configuration, flags.trace);
    steps += verdict.steps;
    for (const name of Object.keys(counts) as (keyof typeof counts)[]) counts[name] += verdict.counts[name];
    for (const [name, count] of Object.entries(verdict.covered)) covered[name] = (covered[name] ?? 0) + Number(count);
    balance = balance === null ? verdict.report.balance : addBalances(balance, verdict.report.balance);
    if (verdict.violations.length === 0) continue;
    broken += 1;
    if (broken <= SHOWN) show(verdict, flags);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  const cpuSeconds = (cpu.user + cpu.system) / 1e6;
  if (balance !== null) print(table({ balance, violations: [] }).split('\n').slice(0, -1).join('\n'));
  print(`faults: ${listed(counts)}`, `covered: ${listed(covered)}`);
  print(
    `${flags.seeds} schedules (${flags.configuration.name}), ${steps} steps, ${seconds.toFixed(1)} s, ` +
      `${(flags.seeds / seconds).toFixed(0)} schedules/s (${(flags.seeds / cpuSeconds).toFixed(0)} per CPU second): ${broken === 0 ? 'every rule held' : `${broken} broke a rule`}`,
  );
  return broken === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  let flags: Flags;
  try {
    flags = flagsOf(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`simulate: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}\n`);
    return 2;
  }
  if (flags.help) {
    print(USAGE);
    return 0;
  }
  // Thousands of simulated failures are made and thrown away; nobody reads where they were made.
  Error.stackTraceLimit = flags.seed === null ? 0 : 10;
  if (flags.first) {
    const first = await findFirst(flags.configuration, flags.from, flags.seeds);
    print(JSON.stringify(first));
    return first.found === null ? 0 : 1;
  }
  process.on('unhandledRejection', (reason) => {
    process.stderr.write(`simulate: a rejection that nobody handles: ${String(reason)}\n`);
    process.exit(1);
  });
  if (flags.mutants) return huntAll(flags.only, print);
  if (flags.hours !== null) return soak(flags, flags.hours);
  return flags.seed === null ? runMany(flags) : runOne(flags.seed, flags);
}

process.exitCode = await main();
