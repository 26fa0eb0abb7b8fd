import { type Command, InvalidArgumentError, Option } from 'commander';
import { clientFor, count, instant, print, wantsJson } from './command.js';
import { interruptible, patiently, pause } from './interrupt.js';
import { type Change, TailWatch } from './tail-watch.js';

interface TailOptions {
  readonly status: readonly string[];
  readonly user?: string;
  readonly since?: string;
  readonly limit?: number;
}

const EXAMPLES = `
Looks once a second; a state that lasts for less is passed over (explain has every one). Ctrl-C ends it.

Examples:
  $ signalbox tail
  $ signalbox tail --status dead --status held
  $ signalbox tail --user ada --since 1h
  $ signalbox tail --json --limit 100 > changes.ndjson`;

const STATUSES = [
  'queued',
  'scheduled',
  'deferred',
  'processing',
  'delivered',
  'skipped',
  'expired',
  'cancelled',
  'dead',
  'held',
  'partial',
];
const LOOK_EVERY_MS = 1000;

/** `signalbox tail`: new notifications and every change of their state, one a line, as they happen. */
export function addTail(program: Command): void {
  program
    .command('tail')
    .description('follow new notifications and every change of state')
    .addOption(
      new Option('--status <status>', 'only what comes into this state; may be given several times')
        .choices(STATUSES)
        .argParser<readonly string[]>(status)
        .default([], 'all'),
    )
    .option('--user <id>', 'only of this user')
    .addOption(
      new Option('--since <time>', 'begin with what was accepted since: ISO 8601, or an age such as 1h (default: now)').argParser(instant),
    )
    .option('--limit <n>', 'end after so many lines', count)
    .addHelpText('after', EXAMPLES)
    .action(async (options: TailOptions, command: Command) => {
      const watch = new TailWatch(await clientFor(command), options.user);
      await interruptible(async (signal) => {
        await watch.start(options.since);
        await follow(watch, options, wantsJson(command), signal);
      });
    });
}

async function follow(watch: TailWatch, { status, limit }: TailOptions, json: boolean, signal: AbortSignal): Promise<void> {
  let left = limit ?? Number.POSITIVE_INFINITY;
  while (!signal.aborted) {
    const changes = (await patiently(() => watch.look(), signal)) ?? [];
    for (const change of changes.filter((each) => status.length === 0 || status.includes(each.status))) {
      if (left === 0) return;
      print(json ? JSON.stringify(change) : lineOf(change));
      left -= 1;
    }
    if (left === 0) return;
    await pause(LOOK_EVERY_MS, signal);
  }
}

function lineOf({ at, notificationId, userId, from, status, subject }: Change): string {
  const what = from === null ? `${status}${subject === null ? '' : `  ${subject}`}` : `${from} -> ${status}`;
  return `${at}  ${notificationId}  ${userId ?? '-'}  ${what}`;
}

function status(name: string, earlier: readonly string[]): readonly string[] {
  if (!STATUSES.includes(name)) throw new InvalidArgumentError(`Allowed choices are ${STATUSES.join(', ')}.`);
  return [...earlier, name];
}
