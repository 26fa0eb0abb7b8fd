import { type Command, InvalidArgumentError, Option } from 'commander';
import { CliError } from './cli-error.js';
import { CLUSTER_DIRECTORY } from './cluster.js';
import { ClusterClient } from './cluster-client.js';
import { count, type Finish, httpUrl, print, remark, wantsJson } from './command.js';
import { interruptible, pause } from './interrupt.js';
import { readingFrom } from './prometheus.js';
import { runProgram, scale, wanted, workersIn } from './scale.js';
import { type Decision, type Reading, Scaler } from './scaler.js';

const EXAMPLES = `
Examples:
  $ signalbox autoscale --min 2 --max 10                      the stack of docker-compose.scale.yml
  $ signalbox autoscale --min 2 --max 10 --dry-run --once     only says what it would do
  $ signalbox autoscale --on cluster --prometheus http://127.0.0.1:9090

Asks Prometheus what waits (signalbox:queue_depth and signalbox:message_lag) and how much the workers are in use (records in hand, or
processors, whichever is more). More of them come at once; they go when for --hold seconds fewer were enough. Where Prometheus does not
answer, nothing changes. One line for each look. Runs until Ctrl-C.`;

/** An answer of Prometheus is quick, or it is none. */
const ASK_MS = 5_000;

interface Options {
  readonly min: number;
  readonly max: number;
  readonly waiting: number;
  readonly use: number;
  readonly every: number;
  readonly hold: number;
  readonly on: 'compose' | 'cluster';
  readonly prometheus: string;
  readonly file: string;
  readonly within: number;
  readonly directory: string;
  readonly once?: true;
  readonly dryRun?: true;
}

/** The workers of a fleet, wherever they run. */
export interface Workers {
  count(): Promise<number>;
  /** @throws CliError where it cannot be done */
  set(workers: number): Promise<void>;
}

/** `signalbox autoscale`: as many workers as there is work for. */
export function addAutoscale(program: Command, finish: Finish): void {
  program
    .command('autoscale')
    .description('keeps as many workers as what waits and what they have in hand ask for')
    .option('--min <workers>', 'never fewer', wanted, 2)
    .option('--max <workers>', 'never more', wanted, 10)
    .option('--waiting <items>', 'how many may wait for each worker', count, 50)
    .option('--use <percent>', 'how much of a worker is to be in use', percent, 70)
    .option('--every <seconds>', 'how often to look', count, 15)
    .option('--hold <seconds>', 'how long fewer must have been enough before any goes', count, 300)
    .addOption(new Option('--on <where>', 'where the workers run').choices(['compose', 'cluster']).default('compose'))
    .option('--prometheus <url>', 'which Prometheus to ask', httpUrl, 'http://127.0.0.1:9090')
    .option('--file <path>', 'compose: the compose file', 'docker-compose.scale.yml')
    .option('--within <seconds>', 'compose: how long to wait until all are healthy', count, 90)
    .option('--directory <path>', 'cluster: where it keeps its control file', CLUSTER_DIRECTORY)
    .option('--once', 'looks once')
    .option('--dry-run', 'changes nothing')
    .addHelpText('after', EXAMPLES)
    .action(async (options: Options, command: Command) => {
      if (options.min > options.max) throw new CliError(`--min ${options.min} is more than --max ${options.max}`, 2);
      finish((await autoscale(options, workersOf(options), wantsJson(command))) ? 0 : 1);
    });
}

function percent(text: string): number {
  const value = count(text);
  if (value > 100) throw new InvalidArgumentError('It must be a whole number from 1 to 100.');
  return value;
}

function workersOf({ on, file, within, directory }: Options): Workers {
  if (on === 'cluster') {
    const cluster = new ClusterClient(directory);
    return {
      count: async () => (await cluster.status()).processes.filter(({ kind }) => kind === 'worker').length,
      set: (workers) => cluster.act('/scale', { kind: 'worker', count: workers }, remark),
    };
  }
  return {
    count: () => workersIn(file, runProgram),
    async set(workers) {
      if (!(await scale(workers, { file, within }, runProgram))) throw new CliError(`not all of ${workers} workers are healthy`);
    },
  };
}

/** Until it is interrupted, or once: then whether everything answered and was done. */
function autoscale(options: Options, workers: Workers, json: boolean): Promise<boolean> {
  const { min, max, waiting, use, hold, prometheus, once, dryRun } = options;
  const scaler = new Scaler({ min, max, waitingPerWorker: waiting, use: use / 100, holdMs: hold * 1000 });
  const tell = (reading: Reading, decision: Decision): void => print(json ? jsonOf(reading, decision) : lineOf(reading, decision));
  return interruptible(async (signal) => {
    for (;;) {
      const well = await step({ scaler, workers, prometheus, dryRun: dryRun === true, tell });
      if (once !== undefined) return well;
      await pause(options.every * 1000, signal);
      if (signal.aborted) return true;
    }
  });
}

interface Step {
  readonly scaler: Scaler;
  readonly workers: Workers;
  readonly prometheus: string;
  readonly dryRun: boolean;
  tell(reading: Reading, decision: Decision): void;
}

/** One look, and what follows from it. False: something did not answer or could not be done; the next look tries again. */
export async function step({ scaler, workers, prometheus, dryRun, tell }: Step): Promise<boolean> {
  try {
    const reading = { workers: await workers.count(), ...(await readingFrom(prometheus, AbortSignal.timeout(ASK_MS))) };
    const decision = scaler.decide(reading, performance.now());
    if (decision === null) return false;
    tell(reading, decision);
    if (decision.workers !== reading.workers && !dryRun) await workers.set(decision.workers);
    return true;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    scaler.decide(null, performance.now());
    remark(error.message);
    return false;
  }
}

function jsonOf(reading: Reading, { workers, because }: Decision): string {
  return JSON.stringify({ at: new Date().toISOString(), ...reading, wanted: workers, because });
}

function lineOf(reading: Reading, { workers, because }: Decision): string {
  const change = workers === reading.workers ? 'stay' : `→ ${workers}`;
  return `${new Date().toISOString()} ${reading.workers} workers ${change}: ${because}`;
}
