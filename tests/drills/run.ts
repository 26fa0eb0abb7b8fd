import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { EMBEDDED } from './embedded.js';
import { type Drill, SCALE } from './fleet/drill.js';
import { NOTIFICATIONS } from './fleet/notifications.js';
import { type Performed, perform } from './fleet/perform.js';
import { DRILLS } from './fleet/registry.js';
import { scorecard } from './fleet/scorecard.js';

const FLAGS = {
  rate: [5000, 'new notifications or messages a second'],
  seconds: [3600, 'how long the fault lasts, where it is one that lasts'],
  cycles: [10_000, 'how often it happens, where it happens again'],
  apis: [20, 'API processes'],
  workers: [50, 'worker processes'],
  lease: [60_000, 'LEASE_MS of every process'],
  items: [100_000, 'redrive: how many dead letters, default 5000'],
  kills: [4, 'redrive: how many kills while it is under way, default 2'],
} as const satisfies Record<string, readonly [number, string]>;

type Flag = keyof typeof FLAGS;

const OF_A_FLEET: readonly Flag[] = ['rate', 'seconds', 'cycles', 'apis', 'workers', 'lease'];

const listed = (drills: readonly { readonly name: string; readonly about: string }[]): string =>
  drills.map(({ name, about }) => `  ${name.padEnd(22)} ${about}`).join('\n');

const USAGE = `Drills: real processes, real faults, and a comparison of three ledgers at the end.

  npm run drill -- NAME|all [--rate N] [--seconds N] [--cycles N] [--apis N] [--workers N] [--lease MS] [--seed N] [--dir D] [--json]

Of a fleet (APIs and workers on MongoDB, RabbitMQ and Redis, all started here):
${listed(DRILLS)}

Of one process with the embedded store:
${listed(EMBEDDED)}

  all                    every drill of a fleet, one after the other

${Object.entries(FLAGS)
  .map(([flag, [, about]]) => `  --${`${flag} N`.padEnd(20)} ${about}`)
  .join('\n')}
  --seed N               repeats the same choices and the same load; printed at the start
  --dir D                keeps data, ledgers and logs there while it runs, default /dev/shm where there is one: what a killed
                         process wrote the kernel has, so a disk adds nothing but its own slowness
  --json                 the scorecard as JSON, one line for each drill

Exit status: 0 passed, 1 failed, 2 the command line was not understood. Everything stays on 127.0.0.1; the data,
ledgers and logs of a failed drill are kept and named.
`;

interface Arguments {
  readonly name: string;
  readonly given: Readonly<Partial<Record<Flag, number>>>;
  readonly seed: number;
  readonly parent: string;
  readonly json: boolean;
}

/** Null for --help. @throws Error in words for a person */
function parse(argv: readonly string[]): Arguments | null {
  const text = { type: 'string' } as const;
  const flags = Object.keys(FLAGS) as Flag[];
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: {
      ...(Object.fromEntries(flags.map((flag) => [flag, text])) as Record<Flag, typeof text>),
      seed: text,
      dir: text,
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: true,
  });
  if (values.help === true) return null;
  const [name = '', ...others] = positionals;
  const known = ['all', ...DRILLS.map((drill) => drill.name), ...EMBEDDED.map((drill) => drill.name)];
  if (!known.includes(name) || others.length > 0) {
    throw new Error(`name one drill: ${known.join(', ')}; got ${positionals.join(' ') || 'none'}`);
  }
  const own = EMBEDDED.find((drill) => drill.name === name)?.flags ?? OF_A_FLEET;
  const given: Partial<Record<Flag, number>> = {};
  for (const flag of flags) {
    const value = values[flag];
    if (value === undefined) continue;
    if (!own.includes(flag)) throw new Error(`${name} has no --${flag}`);
    given[flag] = whole(`--${flag}`, value, FLAGS[flag][0]);
  }
  return {
    name,
    given,
    seed: values.seed === undefined ? (Date.now() % 1_000_000) + 1 : whole('--seed', values.seed, 4_294_967_295),
    parent: values.dir ?? (existsSync('/dev/shm') ? '/dev/shm' : tmpdir()),
    json: values.json,
  };
}

function whole(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > max) throw new Error(`${flag} must be a whole number from 1 to ${max}, not ${text}`);
  return value;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function one(drill: Drill<unknown>, { given, seed, parent, json }: Arguments): Promise<Performed | null> {
  const { lease, items: _items, kills: _kills, ...scale } = given;
  const options = { ...SCALE, ...drill.scale, ...scale, ...(lease === undefined ? {} : { leaseMs: lease }), seed, parent };
  if (!json) say(`${drill.name}: ${drill.about}\n--seed ${seed}`);
  try {
    const result = await perform(drill, {
      ...options,
      settings: drill.settings ?? {},
      proxied: drill.proxied ?? [],
      work: drill.work ?? NOTIFICATIONS,
      ...(drill.offerOf === undefined ? {} : { offerOf: drill.offerOf }),
      say: json ? () => {} : say,
    });
    say(json ? JSON.stringify(result) : `\n${scorecard(result)}\n`);
    return result;
  } catch (error) {
    // A drill that could not be carried through is a fault of the drill or of the machine: where, matters.
    process.stderr.write(`drill: ${drill.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return null;
  }
}

async function ofAFleet(given: Arguments): Promise<number> {
  const drills = given.name === 'all' ? DRILLS : DRILLS.filter((drill) => drill.name === given.name);
  const failed: string[] = [];
  for (const drill of drills) {
    const result = await one(drill, given);
    if (result === null || result.failures.length > 0) failed.push(drill.name);
  }
  if (drills.length > 1 && !given.json) {
    say(`${drills.length - failed.length} of ${drills.length} drills passed${failed.length === 0 ? '' : `; failed: ${failed.join(', ')}`}`);
  }
  return failed.length === 0 ? 0 : 1;
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
  const { name, given: flags, seed, parent } = given;
  const embedded = EMBEDDED.find((drill) => drill.name === name);
  if (embedded === undefined) return ofAFleet(given);
  const { cycles = embedded.cycles, rate = embedded.rate, items = 5000, kills = 2 } = flags;
  return embedded.run({ cycles, rate, items, kills, seed, parent, say });
}

// Through `exit`, which takes the processes along that were started.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1));
process.exitCode = await main();
