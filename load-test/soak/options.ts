import { parseArgs } from 'node:util';
import { fileName, type Origins, origin, UsageError } from '../options.js';

export const WORKLOADS = ['notifications', 'messages', 'idle'] as const;
export type SoakWorkload = (typeof WORKLOADS)[number];

export interface SoakOptions {
  readonly durationS: number;
  /** Seconds between two checks. */
  readonly everyS: number;
  readonly workload: SoakWorkload;
  /** New ones a second. */
  readonly rate: number;
  /** A server of its own, the cluster that runs here, or these. */
  readonly target: 'embedded' | 'cluster' | Origins;
  readonly report: string;
  readonly history: string;
  readonly json: boolean;
  readonly help: boolean;
}

export const HELP = `usage: npm run soak -- [flags]

Loads a server or a fleet for as long as you like and checks it at each interval: does every process answer, has any of them
started anew, were there errors or dead letters, is anything still waiting once the load has stopped, was anything lost or
doubled, does the memory of any process keep growing. One line for each check, a report as JSON, and a line of the history.
Exits 0 when every check held, 1 when one did not, 2 when the command line is wrong. Ctrl-C ends it with what is known by then.

  --duration T        e.g. 90s, 30m, 1h, 48h (default 1h)
  --every T           between two checks (default 10m, at most the duration)
  --workload NAME     notifications, messages, or idle: no traffic at all, and no errors of any kind (default notifications)
  --rate N            new ones a second (default 12)
  --target WHERE      embedded: a server of its own (default); cluster: the one that runs here (npm run cluster);
                      or URL[,URL]; these must be allowed to reach port 3099 or have a sink, as for npm run load-test
  --report FILE       default load-test/soak.json
  --history FILE      JSON lines, one added for each run (default load-test/history.jsonl)
  --json              the report on standard output, the lines on standard error
  --help              this text

examples:
  npm run soak -- --duration=1h --every=10m
  npm run soak -- --duration=48h --every=1h --workload=messages --rate=50 --target=cluster
  npm run soak -- --duration=10m --every=1m --workload=idle
`;

const FLAGS = {
  duration: { type: 'string', default: '1h' },
  every: { type: 'string' },
  workload: { type: 'string', default: 'notifications' },
  rate: { type: 'string', default: '12' },
  target: { type: 'string', default: 'embedded' },
  report: { type: 'string', default: 'load-test/soak.json' },
  history: { type: 'string', default: 'load-test/history.jsonl' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const EVERY_S = 600;
const LEAST_S = 5;
const MOST_RATE = 100_000;
const UNIT_S: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** @throws UsageError */
export function readSoakOptions(args: readonly string[]): SoakOptions {
  const values = parse(args);
  const durationS = seconds('duration', values.duration);
  const everyS = values.every === undefined ? Math.min(EVERY_S, durationS) : seconds('every', values.every);
  if (everyS > durationS) throw new UsageError(`--every ${values.every}: is more than the duration`);
  const workload = WORKLOADS.find((name) => name === values.workload);
  if (workload === undefined) throw new UsageError(`--workload ${values.workload}: give ${WORKLOADS.join(', ')}`);
  const rate = Number(values.rate);
  if (!/^\d+(\.\d+)?$/.test(values.rate) || rate < 0.1 || rate > MOST_RATE)
    throw new UsageError(`--rate ${values.rate}: give a number from 0.1 to ${MOST_RATE}`);
  return {
    durationS,
    everyS,
    workload,
    rate,
    target: targetOf(values.target),
    report: fileName('report', values.report),
    history: fileName('history', values.history),
    json: values.json,
    help: values.help,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error));
  }
}

function seconds(flag: string, text: string): number {
  const [, amount, unit = ''] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  const value = Number(amount) * (UNIT_S[unit] ?? Number.NaN);
  if (!(value >= LEAST_S)) throw new UsageError(`--${flag} ${text}: give a time from ${LEAST_S}s on, such as 90s, 30m, 1h or 2d`);
  return value;
}

function targetOf(text: string): SoakOptions['target'] {
  if (text === 'embedded' || text === 'cluster') return text;
  try {
    return text.split(',').map(origin) as unknown as Origins;
  } catch {
    throw new UsageError(`--target ${text}: give embedded, cluster, or http or https addresses`);
  }
}
