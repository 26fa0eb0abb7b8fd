import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { redriveDrill } from './redrive.js';
import { redriveScorecard } from './redrive-scorecard.js';
import { scorecard } from './scorecard.js';
import { workerCrash } from './worker-crash.js';

const USAGE = `Drills: real processes, real faults, and a comparison of three ledgers at the end.

  npm run drill -- worker-crash [--cycles 10] [--rate 200] [--seed N] [--dir D]
  npm run drill -- redrive [--items 5000] [--kills 2] [--seed N] [--dir D]

  worker-crash   kills the server with SIGKILL under load, again and again, half at random and half at named
                 moments (after-claim, after-send, before-ack …), and starts it each time on the same data
  redrive        fills the desk with dead letters, redrives all of them as one operation, kills the server with SIGKILL
                 in the middle of it, and counts: each redriven exactly once, what fails again back on the desk

  --cycles N   worker-crash: how many kills, default 10
  --rate N     worker-crash: new notifications a second, default 200
  --items N    redrive: how many dead letters, default 5000
  --kills N    redrive: how many kills while it is under way, default 2, at most 4
  --seed N     repeats the same plan of kills and the same load; printed at the start
  --dir D      keeps data, ledgers and logs there while it runs, default /dev/shm where there is one: what a killed
               process wrote the kernel has, so a disk adds nothing but its own slowness

Exit status: 0 passed, 1 failed, 2 the command line was not understood. Everything stays on 127.0.0.1; the data,
ledgers and logs of a failed drill are kept and named.
`;

const DRILLS = ['worker-crash', 'redrive'] as const;

interface Arguments {
  readonly name: (typeof DRILLS)[number];
  readonly cycles: number;
  readonly rate: number;
  readonly items: number;
  readonly kills: number;
  readonly seed: number;
  readonly parent: string;
}

/** Null for --help. @throws Error in words for a person */
function parse(argv: readonly string[]): Arguments | null {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: {
      cycles: text,
      rate: text,
      items: text,
      kills: text,
      seed: text,
      dir: text,
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: true,
  });
  if (values.help === true) return null;
  const [given, ...others] = positionals;
  const name = DRILLS.find((drill) => drill === given);
  if (name === undefined || others.length > 0) {
    throw new Error(`name one drill: ${DRILLS.join(' or ')}; got ${positionals.join(' ') || 'none'}`);
  }
  const foreign = (name === 'redrive' ? (['cycles', 'rate'] as const) : (['items', 'kills'] as const)).find(
    (flag) => values[flag] !== undefined,
  );
  if (foreign !== undefined) throw new Error(`${name} has no --${foreign}`);
  return {
    name,
    cycles: whole('--cycles', values.cycles, 10, 1000),
    rate: whole('--rate', values.rate, 200, 5000),
    items: whole('--items', values.items, 5000, 100_000),
    kills: whole('--kills', values.kills, 2, 4),
    seed: whole('--seed', values.seed, (Date.now() % 1_000_000) + 1, 4_294_967_295),
    parent: values.dir ?? (existsSync('/dev/shm') ? '/dev/shm' : tmpdir()),
  };
}

function whole(flag: string, text: string | undefined, otherwise: number, max: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > max) throw new Error(`${flag} must be a whole number from 1 to ${max}, not ${text}`);
  return value;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function crash(given: Arguments): Promise<number> {
  say(`worker-crash: ${given.cycles} kills at ${given.rate} notifications/s, --seed ${given.seed}`);
  const result = await workerCrash({ ...given, say });
  say(`\n${scorecard(result)}`);
  return result.failures.length === 0 ? 0 : 1;
}

async function redrive(given: Arguments): Promise<number> {
  say(`redrive: ${given.items} dead letters, ${given.kills} kills, --seed ${given.seed}`);
  const result = await redriveDrill({ ...given, say });
  say(`\n${redriveScorecard(result)}`);
  return result.failures.length === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  let given: Arguments | null;
  try {
    given = parse(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`drill: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}\n`);
    return 2;
  }
  if (given === null) {
    process.stdout.write(USAGE);
    return 0;
  }
  return given.name === 'redrive' ? redrive(given) : crash(given);
}

// Through `exit`, which takes the processes along that were started.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1));
process.exitCode = await main();
