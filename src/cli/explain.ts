import { type Command, Option } from 'commander';
import { CliError } from './cli-error.js';
import { clientFor, count, id, instant, print, printJson, wantsJson } from './command.js';
import { type DecisionTold, decisionsText } from './decisions.js';

interface Explanation {
  readonly notificationId: string;
  readonly status: string;
  readonly deliveries: readonly {
    readonly deliveryId: string;
    readonly channel: string;
    readonly status: string;
    readonly reason: string | null;
  }[];
  readonly events: readonly DecisionTold[];
}

interface ExplainOptions {
  readonly user?: string;
  readonly since?: string;
  readonly limit?: number;
}

const EXAMPLES = `
Examples:
  $ signalbox explain 0b0c3f6e-5b1c-8c8e-9a55-0d6c2f1e7a11
  $ signalbox explain --user ada --since 1h
  $ signalbox explain --user ada --since 2026-12-01T00:00:00Z --json`;

/** `signalbox explain`: why it is so, for one notification or for all that concerned a user. */
export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('show why: every decision with its rule, what it was taken on, and what would have changed it')
    .argument('[id]', 'notification id', id)
    .option('--user <id>', 'what concerned this user, the newest first')
    .addOption(new Option('--since <time>', 'accepted since: ISO 8601, or an age such as 1h').argParser(instant))
    .option('--limit <n>', 'at most so many notifications (default: 20)', count)
    .addHelpText('after', EXAMPLES)
    .action(async (notificationId: string | undefined, options: ExplainOptions, command: Command) => {
      if (notificationId === undefined) await ofUser(options, command);
      else await ofOne(notificationId, options, command);
    });
}

async function ofOne(notificationId: string, { user, since, limit }: ExplainOptions, command: Command): Promise<void> {
  if (user !== undefined || since !== undefined || limit !== undefined) throw new CliError('name an id, or a --user, not both', 2);
  const client = await clientFor(command);
  const found = await client.get<Explanation>(`/api/v1/notifications/${encodeURIComponent(notificationId)}/explain`);
  if (wantsJson(command)) printJson(found);
  else print(asText(found));
}

async function ofUser({ user, since, limit = 20 }: ExplainOptions, command: Command): Promise<void> {
  if (user === undefined) throw new CliError('name a notification id or a --user', 2);
  const client = await clientFor(command);
  const page = await client.list<Explanation>('/api/v1/notifications/explain', { userId: user, since }, limit);
  if (wantsJson(command)) return printJson(page);
  print(
    page.data.length === 0
      ? `nothing concerned ${user}${since === undefined ? '' : ` since ${since}`}`
      : page.data.map(asText).join('\n\n'),
  );
}

function asText({ notificationId, status, deliveries, events }: Explanation): string {
  const channels = new Map(deliveries.map(({ deliveryId, channel }) => [deliveryId, channel]));
  const states = deliveries.map((each) => `  ${each.channel}: ${each.status}${each.reason === null ? '' : ` (${each.reason})`}`);
  return [`${notificationId}  ${status}`, ...states, decisionsText(events, channels)].join('\n');
}
