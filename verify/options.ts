import { parseArgs } from 'node:util';
import { TARGETS, type TargetName } from './check.js';

export interface Options {
  readonly target: TargetName;
  /** Ids, or beginnings of ids with a star; null: all rows. */
  readonly only: readonly string[] | null;
  /** Where the report goes besides the run's own directory; null: nowhere else. */
  readonly json: string | null;
  readonly list: boolean;
  readonly withDrills: boolean;
  readonly key: string | null;
  readonly composeFile: string;
  readonly directory: string;
  readonly help: boolean;
}

/** The command line is wrong; the message is one line for a person. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const HELP = `usage: npm run verify -- [flags]

Measures the rows of the acceptance list (docs/acceptance.md) on a Signalbox, and says of every row whether it passed, passed
in part (and what is open), failed, does not apply to this target, or has no check yet, and why. What was sent and what came
back is kept for each row under data/verify/<time>/, with the report as JSON.

  --target NAME        embedded: a server of its own (default)
                       cluster: the cluster that runs here (npm run cluster), else one of its own with its own servers;
                       only of its own can it take servers away and kill processes
                       compose: the stack that runs here (docker-compose.scale.yml), behind http://127.0.0.1
  --only LIST          these rows alone, comma-separated; a star stands for any end: ENV-01,NOT-*
  --json FILE          the report there too; - is standard output
  --list               the rows, how each is proved, and whether it has a check; measures nothing
  --with-drills        runs the drills that rows rest on (an hour); without it their last results are looked at
  --key KEY            API key or token for the API (default: SIGNALBOX_API_KEY)
  --compose-file FILE  default docker-compose.scale.yml
  --directory DIR      for evidence (default data/verify)
  --help               this text

Exit code 0: nothing failed. 1: something failed. 2: the command line is wrong.

examples:
  npm run verify
  npm run verify -- --target cluster --only 'API-*,NOT-*'
  npm run verify -- --target compose --json verify.json
`;

const FLAGS = {
  target: { type: 'string', default: 'embedded' },
  only: { type: 'string' },
  json: { type: 'string' },
  list: { type: 'boolean', default: false },
  'with-drills': { type: 'boolean', default: false },
  key: { type: 'string' },
  'compose-file': { type: 'string', default: 'docker-compose.scale.yml' },
  directory: { type: 'string', default: 'data/verify' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** @throws UsageError */
export function readOptions(args: readonly string[], environment: NodeJS.ProcessEnv = process.env): Options {
  const values = parse(args);
  const target = TARGETS.find((name) => name === values.target);
  if (target === undefined) throw new UsageError(`--target ${values.target}: give one of ${TARGETS.join(', ')}`);
  return {
    target,
    only: values.only === undefined ? null : patterns(values.only),
    json: values.json ?? null,
    list: values.list,
    withDrills: values['with-drills'],
    key: values.key ?? environment['SIGNALBOX_API_KEY'] ?? null,
    composeFile: values['compose-file'],
    directory: values.directory,
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

function patterns(text: string): readonly string[] {
  const given = text.split(',').map((one) => one.trim().toUpperCase());
  const odd = given.find((one) => !/^[A-Z]+-(\d+|\d*\*)$/.test(one));
  if (odd !== undefined) throw new UsageError(`--only ${odd}: give ids such as ENV-01, or NOT-* for all that begin so`);
  return given;
}

/** Those that are asked for. @throws UsageError where a pattern means none */
export function chosen<T extends { readonly id: string }>(rows: readonly T[], only: Options['only']): readonly T[] {
  if (only === null) return rows;
  const means = (pattern: string, id: string): boolean => (pattern.endsWith('*') ? id.startsWith(pattern.slice(0, -1)) : id === pattern);
  const idle = only.find((pattern) => !rows.some(({ id }) => means(pattern, id)));
  if (idle !== undefined) throw new UsageError(`--only ${idle}: there is no such row`);
  return rows.filter(({ id }) => only.some((pattern) => means(pattern, id)));
}
