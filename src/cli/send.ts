import { randomUUID } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CliError } from './cli-error.js';
import { clientFor, print, printJson, wantsJson } from './command.js';

interface SendOptions {
  readonly user?: string;
  readonly email?: string;
  readonly webhook?: string;
  readonly phone?: string;
  readonly push?: string;
  readonly inApp?: true;
  readonly channel: readonly string[];
  readonly subject?: string;
  readonly body: string;
  readonly category?: string;
  readonly priority?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly scheduledFor?: string;
  readonly expiresAt?: string;
  readonly key?: string;
}

interface Accepted {
  readonly notificationId: string;
  readonly status: string;
  readonly acceptedAt: string;
  readonly idempotentHit: boolean;
}

const EXAMPLES = `
Where a channel is named without an address, the user's own contact is taken (see signalbox prefs).

Examples:
  $ signalbox send --email ada@example.org --subject Hello --body "Your order is on its way."
  $ signalbox send --webhook https://hooks.example.org/in --body '{"n":1}' --key order-4711
  $ signalbox send --user ada --in-app --channel email --channel sms --body "Your taxi is here." --priority urgent
  $ signalbox send --sms +351912345678 --body "Your code is 4711." --category security
  $ signalbox send --email ada@example.org --body Later --scheduled-for 2026-12-01T09:00:00Z`;

const CHANNELS = ['email', 'sms', 'push', 'webhook', 'in-app'] as const;
/** Whom it concerns where nobody is named: enough for an address that is given outright. */
const NOBODY = 'cli';

/** `signalbox send`: offers one notification, under a key in any case, so that a retry is never a second one. */
export function addSend(program: Command): void {
  program
    .command('send')
    .description('send one notification')
    .option('--user <id>', `whom it concerns (default: ${NOBODY})`)
    .option('--email <address>', 'by e-mail to this address')
    .option('--webhook <url>', 'as a webhook to this address')
    .option('--sms, --phone <number>', 'as a text message to this number')
    .option('--push <token>', 'as a push message to the device with this token')
    .option('--in-app', "into the user's inbox")
    .addOption(
      new Option('--channel <name>', "by this channel, to the user's own contact; may be given several times")
        .choices(CHANNELS)
        .argParser<readonly string[]>(channel)
        .default([], 'none'),
    )
    .option('--subject <text>', 'subject')
    .requiredOption('--body <text>', 'content')
    .option('--category <name>', 'e.g. orders')
    .addOption(new Option('--priority <priority>', 'urgent goes first, and passes quiet hours').choices(['normal', 'urgent']))
    .option('--data <json>', 'an object that goes along', object)
    .option('--scheduled-for <time>', 'not before, ISO 8601')
    .option('--expires-at <time>', 'not after, ISO 8601')
    .option('--key <key>', 'idempotency key: the same key is the same notification (default: a new one)')
    .addHelpText('after', EXAMPLES)
    .action(send);
}

async function send(options: SendOptions, command: Command): Promise<void> {
  const { user, email, webhook, phone, push, inApp, channel: named, key = `cli-${randomUUID()}`, ...content } = options;
  const addressed = { email, sms: phone, push, webhook, 'in-app': inApp };
  const channels = CHANNELS.filter((name) => addressed[name] !== undefined || named.includes(name));
  if (channels.length === 0) throw new CliError('name a recipient: --email, --webhook, --sms, --push, --in-app or --channel', 2);
  const ofUser = channels.find((name) => name === 'in-app' || addressed[name] === undefined);
  if (ofUser !== undefined && user === undefined) throw new CliError(`name the --user whose ${ofUser} it is`, 2);
  const addresses = { email, phone, pushToken: push, webhook };
  const to = Object.fromEntries(Object.entries(addresses).filter(([, address]) => address !== undefined));
  const client = await clientFor(command);
  const request = { userId: user ?? NOBODY, channels, to, ...content };
  const { body: accepted } = await client.offer<Accepted>('/api/v1/notifications', key, request);
  if (wantsJson(command)) return printJson(accepted);
  print(`${accepted.notificationId}  ${accepted.status}${accepted.idempotentHit ? '  (known already: nothing is sent again)' : ''}`);
}

function channel(name: string, earlier: readonly string[]): readonly string[] {
  if (!CHANNELS.some((known) => known === name)) throw new InvalidArgumentError(`Allowed choices are ${CHANNELS.join(', ')}.`);
  return [...earlier, name];
}

function object(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InvalidArgumentError('It must be a JSON object.');
  return value as Readonly<Record<string, unknown>>;
}
