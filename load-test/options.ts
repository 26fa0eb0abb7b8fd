import { parseArgs } from 'node:util';

export const CHANNELS = ['webhook', 'email', 'sms', 'push', 'in-app'] as const;
export type ChannelName = (typeof CHANNELS)[number];

export interface Options {
  /** Seconds. */
  readonly duration: number;
  /** New notifications a second. */
  readonly rate: number;
  readonly users: number;
  /** These and no others, in turns. Null: the first usual address that answers and the APIs of its fleet, else a server of its own. */
  readonly urls: Origins | null;
  readonly channels: readonly ChannelName[];
  /** Null: our own where the server is our own or has no sink, else the server's sink. */
  readonly receiver: 'own' | 'sink' | null;
  /** Where our own receiver listens; 0: any free port. Null: 0 with a server of its own, else {@link RECEIVER_PORT}. */
  readonly receiverPort: number | null;
  readonly arrivals: 'constant' | 'poisson';
  readonly scenario: 'steady' | 'fairness' | 'find-max';
  /** Seconds of the same load before, of which nothing is measured. Null: {@link COLD_WARM_UP_S} with a server that has only just started, else none. */
  readonly warmUp: number | null;
  /** Of the fairness scenario. */
  readonly rounds: number;
  readonly report: string;
  readonly history: string;
  readonly baselines: boolean;
  readonly json: boolean;
  /** Tell on standard error how far it is. */
  readonly progress: boolean;
  readonly help: boolean;
}

/** The command line is wrong; the message is one line for a person. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export type Origins = readonly [string, ...string[]];

/** A process that has just started compiles what it runs while it runs it: its first seconds say nothing of the others. */
export const COLD_WARM_UP_S = 5;
/** One that is older is warm, or nobody uses it. */
export const COLD_MS = 120_000;
/** The least notifications a second of a warm-up: what is done ten times is not warm. */
export const WARM_UP_RATE = 100;

/** Where our own receiver listens when somebody else's server must be told beforehand to let webhooks through to it. */
export const RECEIVER_PORT = 3099;

export const HELP = `usage: npm run load-test -- [flags]

Offers notifications at a constant rate whatever becomes of them, receives them, and holds what was answered, what
arrived and what the server kept against each other. Exits 0 when every objective is met, 1 when one is not or the run
failed, 2 when the command line is wrong.

  --duration s        seconds of load (default 60)
  --rate n            new notifications a second (default 12)
  --users n           users they are spread over (default 1000)
  --url URL[,URL]     the server, or several of a fleet in turns; default: the first that answers of
                      http://127.0.0.1:8080, :80, :3001, :3000 (of the last two with all APIs of its fleet),
                      and where none does, a server of its own on a temporary data directory
  --channels list     of ${CHANNELS.join(',')} (default webhook)
  --receiver who      own: a receiver of its own for webhooks (the server must be allowed to reach it:
                      WEBHOOK_ALLOW=127.0.0.1:${RECEIVER_PORT}); sink: the server's /sink
                      (default: own with a server of its own or one that has no sink, else sink)
  --receiver-port n   where the own receiver listens
  --arrivals how      constant, or poisson: random gaps of the same average (default constant)
  --warm-up s         seconds of load before, not measured (default 5 with a server that has only just started,
                      and is slow as every process is at first; else 0)
  --find-max          instead of one rate, the highest with p99 < 500 ms and nothing lost, doubled or refused: doubles
                      from --rate (default then 50) until it does not hold, then closes in; steps of 15 s, 45 at most
  --scenario name     steady, or fairness: do others notice one user who floods? (default steady)
  --rounds n          rounds of the fairness scenario (default 3)
  --report FILE       the HTML report (default load-test/report.html)
  --history FILE      JSON lines, one added for each run (default load-test/history.jsonl)
  --skip-baselines    do not measure bare SQLite and the bare receiver before
  --workload=messages messages instead of notifications, with flags of its own (--workload=messages --help)
  --json              the result as JSON on standard output
  --help              this text

examples:
  npm run load-test -- --duration=600 --rate=12 --users=10000
  npm run load-test -- --duration=300 --rate=25
  npm run load-test -- --rate 500 --arrivals poisson
  npm run load-test -- --url http://127.0.0.1:3000 --channels webhook,email
  npm run load-test -- --find-max
  npm run load-test -- --scenario=fairness
`;

/** Notifications a second of the first step. */
const FIND_FROM = '50';

const FLAGS = {
  duration: { type: 'string', default: '60' },
  rate: { type: 'string' },
  'find-max': { type: 'boolean', default: false },
  users: { type: 'string', default: '1000' },
  url: { type: 'string' },
  channels: { type: 'string', default: 'webhook' },
  receiver: { type: 'string' },
  'receiver-port': { type: 'string' },
  arrivals: { type: 'string', default: 'constant' },
  'warm-up': { type: 'string' },
  scenario: { type: 'string', default: 'steady' },
  rounds: { type: 'string', default: '3' },
  report: { type: 'string', default: 'load-test/report.html' },
  history: { type: 'string', default: 'load-test/history.jsonl' },
  'skip-baselines': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** @throws UsageError */
export function readOptions(args: readonly string[]): Options {
  const values = parse(args);
  const findMax = values['find-max'];
  const scenario = oneOf<'steady' | 'fairness'>('scenario', values.scenario, ['steady', 'fairness']);
  if (findMax && scenario !== 'steady') throw new UsageError('--find-max and --scenario: give one of them');
  return {
    duration: number('duration', values.duration, 1, 7 * 86_400),
    rate: number('rate', values.rate ?? (findMax ? FIND_FROM : '12'), 0.1, 100_000),
    users: whole('users', values.users, 1, 10_000_000),
    urls: values.url === undefined ? null : originsOf(values.url),
    channels: channelsOf(values.channels),
    receiver: values.receiver === undefined ? null : oneOf<'own' | 'sink'>('receiver', values.receiver, ['own', 'sink']),
    receiverPort: values['receiver-port'] === undefined ? null : whole('receiver-port', values['receiver-port'], 0, 65_535),
    arrivals: oneOf('arrivals', values.arrivals, ['constant', 'poisson']),
    warmUp: values['warm-up'] === undefined ? null : number('warm-up', values['warm-up'], 0, 600),
    scenario: findMax ? 'find-max' : scenario,
    rounds: whole('rounds', values.rounds, 1, 100),
    report: fileName('report', values.report),
    history: fileName('history', values.history),
    baselines: !values['skip-baselines'],
    json: values.json,
    progress: true,
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

function number(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value < least || value > most) {
    throw new UsageError(`--${flag} ${text}: give a number from ${least} to ${most}`);
  }
  return value;
}

function whole(flag: string, text: string, least: number, most: number): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`--${flag} ${text}: give a whole number from ${least} to ${most}`);
  return number(flag, text, least, most);
}

/** @throws UsageError */
export function fileName(flag: string, text: string): string {
  if (text.trim() === '') throw new UsageError(`--${flag}: give the name of a file`);
  return text;
}

function oneOf<Word extends string>(flag: string, text: string, words: readonly Word[]): Word {
  const word = words.find((one) => one === text);
  if (word === undefined) throw new UsageError(`--${flag} ${text}: give ${words.join(' or ')}`);
  return word;
}

function channelsOf(text: string): readonly ChannelName[] {
  const names = text.split(',').map((name) => name.trim());
  return [...new Set(names.map((name) => oneOf('channels', name, CHANNELS)))];
}

function originsOf(text: string): Origins {
  const [first = '', ...more] = text.split(',');
  return [origin(first), ...more.map(origin)];
}

export function origin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) throw new UsageError(`--url ${text}: give an http or https address`);
  return url.origin;
}
