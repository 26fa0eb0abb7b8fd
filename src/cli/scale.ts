import { spawn } from 'node:child_process';
import { type Command, InvalidArgumentError } from 'commander';
import { CliError } from './cli-error.js';
import { count, type Finish, print, remark } from './command.js';

const EXAMPLES = `
Examples:
  $ signalbox scale 10                 five named workers and five more
  $ signalbox scale 3                  worker-1 to worker-3, and no others

For the stack of docker-compose.scale.yml, from the directory it is in; nothing but workers is touched. Those with the highest
numbers go first; what they hold they finish or hand back. A later "up -d" without names goes back to what .env says.
Exit code 0: so many are healthy. 1: not so. Without containers: signalbox cluster scale.`;

/** Services of one container each, with a port of their own; what is beyond them is the elastic service's. */
const NAMED = ['worker-1', 'worker-2', 'worker-3', 'worker-4', 'worker-5'] as const;
const ELASTIC = 'worker';
/** As many as there are ports for. */
const MOST = NAMED.length + 20;
const WITHIN_S = 90;
const LOOK_EVERY_MS = 1000;

interface Options {
  readonly file: string;
  readonly within: number;
}

/** Runs a program to its end and gives what it said; its complaints go to ours. Rejects where it cannot be run or fails. */
type Run = (program: string, args: readonly string[]) => Promise<string>;

/** `signalbox scale N`: exactly so many workers in the compose stack, named and elastic together. */
export function addScale(program: Command, finish: Finish): void {
  program
    .command('scale')
    .description('sets how many workers the compose stack has in all')
    .argument('<count>', 'how many there are to be', wanted)
    .option('--file <path>', 'the compose file', 'docker-compose.scale.yml')
    .option('--within <seconds>', 'how long to wait until all are healthy', count, WITHIN_S)
    .addHelpText('after', EXAMPLES)
    .action(async (workers: number, options: Options) => finish((await scale(workers, options, runProgram)) ? 0 : 1));
}

/** An option's value as a number of workers of the stack. */
export function wanted(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > MOST) throw new InvalidArgumentError(`It must be a whole number from 0 to ${MOST}.`);
  return value;
}

/** The arguments of `docker-compose up` that make it so many. */
export function scaleArguments(workers: number): readonly string[] {
  const named = NAMED.flatMap((name, at) => ['--scale', `${name}=${at < workers ? 1 : 0}`]);
  const elastic = Math.max(0, workers - NAMED.length);
  // Without dependencies: what they stand on is neither started again nor waited for.
  return ['up', '-d', '--no-deps', ...named, '--scale', `${ELASTIC}=${elastic}`, ...NAMED, ELASTIC];
}

/** Whether there were so many healthy ones in time. */
export async function scale(workers: number, { file, within }: Options, run: Run): Promise<boolean> {
  const [program, ...first] = await composeProgram(run);
  const compose = (...args: readonly string[]): Promise<string> => run(program, [...first, '-f', file, ...args]);
  await compose(...scaleArguments(workers));
  const giveUpAt = performance.now() + within * 1000;
  for (;;) {
    const states = await statesOf(compose, run);
    const healthy = states.filter((state) => state === 'healthy').length;
    if (healthy === workers && states.length === workers) {
      print(`${workers} workers, all healthy`);
      return true;
    }
    if (performance.now() > giveUpAt) {
      remark(`${healthy} of ${states.length} workers are healthy after ${within} s; ${workers} were wanted`);
      return false;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** How many workers the stack has, healthy or not. */
export async function workersIn(file: string, run: Run): Promise<number> {
  const [program, ...first] = await composeProgram(run);
  return (await statesOf((...args) => run(program, [...first, '-f', file, ...args]), run)).length;
}

/** Of containers that were killed or have ended: compose 1.29 lists them, compose 2 does not. */
const GONE = /^(exited|dead|created)\b/;

/** The health of every worker's container that runs, or is about to again. */
async function statesOf(compose: (...args: readonly string[]) => Promise<string>, run: Run): Promise<readonly string[]> {
  const ids = linesOf(await compose('ps', '-q', ...NAMED, ELASTIC));
  if (ids.length === 0) return [];
  const states = linesOf(await run('docker', ['inspect', '--format', '{{.State.Status}} {{.State.Health.Status}}', ...ids]));
  return states.filter((state) => !GONE.test(state)).map((state) => state.slice(state.indexOf(' ') + 1));
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Compose 2 where the engine has it, else 1.29. */
async function composeProgram(run: Run): Promise<readonly [string, ...string[]]> {
  const is = (program: string, args: readonly string[]): Promise<boolean> => run(program, args).then(Boolean, () => false);
  if (await is('docker', ['compose', 'version', '--short'])) return ['docker', 'compose'];
  if (await is('docker-compose', ['version', '--short'])) return ['docker-compose'];
  throw new CliError('neither "docker compose" nor "docker-compose" is there: is Docker installed?');
}

/** {@link Run} for real. */
export function runProgram(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let complaints = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      complaints += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(said);
      else reject(new CliError(`${program} ${args.join(' ')} ended with ${code}: ${complaints.trim().split('\n').at(-1) ?? ''}`));
    });
  });
}
