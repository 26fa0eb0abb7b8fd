import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parse as parseYaml } from 'yaml';
import { fileName, type Origins, origin, UsageError } from '../options.js';

/** So many messages a second for so many seconds. */
export interface Phase {
  readonly durationS: number;
  readonly rate: number;
}

export interface MessageOptions {
  readonly phases: readonly Phase[];
  readonly conversations: number;
  /** Of a hundred messages, how many are sent once more. */
  readonly duplicatesPercent: number;
  /** Null: the first usual address that answers, else a server of its own. */
  readonly urls: Origins | null;
  readonly path: string;
  /** Seconds of load before, of which nothing is measured. Null: as long as it takes with a server that has only just started, else none. */
  readonly warmUpS: number | null;
  readonly report: string;
  readonly history: string;
  readonly json: boolean;
  readonly help: boolean;
}

export const HELP = `usage: npm run load-test -- --workload=messages [flags]

Offers messages at a constant rate, some of them twice, then reads every conversation back and holds it against what was
answered: each accepted message is there once, nothing else is, and each conversation is in the order in which it was sent.
Exits 0 when every objective is met, 1 when one is not or the run failed, 2 when the command line is wrong.

  --duration s          seconds of load (default 60)
  --rate n              messages a second (default 100)
  --file load-test.yml  the phases (and conversations, duplicates, address and path) of an Artillery file instead
  --conversations n     conversations that they are spread over (default 1000)
  --duplicates p%       share that is sent a second time, half of them while the first is under way (default 2.5%)
  --url URL[,URL]       the server, or several of a fleet in turns; default as without --workload
  --warm-up s           seconds of load before, not measured (default 5 with a server that has only just started, else 0)
  --report FILE         the HTML report (default load-test/messages-report.html)
  --history FILE        JSON lines, one added for each run (default load-test/history.jsonl)
  --json                the result as JSON on standard output

examples:
  npm run load-test -- --workload=messages --rate=500 --conversations=1000 --duplicates=2.5%
  npm run load-test -- --workload=messages --file=load-test.yml
`;

const FLAGS = {
  workload: { type: 'string' },
  duration: { type: 'string' },
  rate: { type: 'string' },
  file: { type: 'string' },
  conversations: { type: 'string' },
  duplicates: { type: 'string' },
  url: { type: 'string' },
  'warm-up': { type: 'string' },
  report: { type: 'string', default: 'load-test/messages-report.html' },
  history: { type: 'string', default: 'load-test/history.jsonl' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const CONVERSATIONS = 1000;
const DUPLICATES = 2.5;
/** Where no file says otherwise. */
const BY_HAND = { phases: null, path: '/api/v1/messages', conversations: null, duplicatesPercent: null };

/** Whether the command line is about messages. */
export function isAboutMessages(args: readonly string[]): boolean {
  return args.some((arg, n) => arg === '--workload=messages' || (arg === '--workload' && args[n + 1] === 'messages'));
}

/** @throws UsageError */
export function readMessageOptions(args: readonly string[]): MessageOptions {
  const values = parse(args);
  if (values.file !== undefined && (values.rate !== undefined || values.duration !== undefined))
    throw new UsageError('--file says how long and how much: leave --rate and --duration out');
  const file = values.file === undefined ? BY_HAND : artillery(values.file);
  const named = values.url?.split(',').map(origin);
  return {
    phases: file.phases ?? [phaseOf(values)],
    conversations: number('conversations', values.conversations ?? String(file.conversations ?? CONVERSATIONS), 1),
    duplicatesPercent: percent(values.duplicates ?? `${file.duplicatesPercent ?? DUPLICATES}%`),
    urls: named === undefined ? null : (named as unknown as Origins),
    path: file.path,
    warmUpS: values['warm-up'] === undefined ? null : number('warm-up', values['warm-up'], 0),
    report: fileName('report', values.report),
    history: fileName('history', values.history),
    json: values.json,
    help: values.help,
  };
}

/** @throws UsageError */
function phaseOf({ duration = '60', rate = '100' }: { readonly duration?: string | undefined; readonly rate?: string | undefined }): Phase {
  return { durationS: number('duration', duration, 1), rate: number('rate', rate, 0.1) };
}

interface ArtilleryFile {
  readonly phases: readonly Phase[];
  readonly path: string;
  readonly conversations: number | null;
  readonly duplicatesPercent: number | null;
}

interface Script {
  readonly config?: {
    readonly phases?: readonly { readonly duration?: unknown; readonly arrivalRate?: unknown }[];
    readonly variables?: Readonly<Record<string, readonly unknown[]>>;
  };
  readonly scenarios?: readonly { readonly flow?: readonly { readonly post?: { readonly url?: unknown } }[] }[];
}

/**
 * Phases, path and variables of an Artillery script. Its target is left to --url and its templates are not used: ids at random
 * would say nothing of order and of repeats. @throws UsageError
 */
export function artillery(path: string): ArtilleryFile {
  let script: Script | null;
  try {
    script = parseYaml(readFileSync(path, 'utf8')) as Script | null;
  } catch (error) {
    throw new UsageError(`--file ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const phases = (script?.config?.phases ?? []).map(({ duration, arrivalRate }) => ({
    durationS: number(`file ${path}: duration`, String(duration), 1),
    rate: number(`file ${path}: arrivalRate`, String(arrivalRate), 0.1),
  }));
  const url = script?.scenarios?.[0]?.flow?.[0]?.post?.url;
  if (phases.length === 0 || typeof url !== 'string') throw new UsageError(`--file ${path}: has no phases, or no scenario that posts`);
  const variable = (name: string): number | null => {
    const value = script?.config?.variables?.[name]?.[0];
    return typeof value === 'number' ? value : null;
  };
  return { phases, path: url, conversations: variable('conversations'), duplicatesPercent: variable('duplicatesPercent') };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error));
  }
}

function number(what: string, text: string, least: number): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value < least || value > 1_000_000)
    throw new UsageError(`--${what} ${text}: give a number from ${least} on`);
  return value;
}

function percent(text: string): number {
  const value = Number(text.replace(/%$/, ''));
  if (!/^\d+(\.\d+)?%?$/.test(text) || value > 50) throw new UsageError(`--duplicates ${text}: give a share of 0% to 50%`);
  return value;
}
