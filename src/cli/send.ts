import { randomUUID } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CliError } from './cli-error.js';
import { clientFor, globalOptions, print, printJson } from './command.js';

interface SendOptions {
  readonly user: string;
  readonly email?: string;
  readonly webhook?: string;
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
Examples:
  $ signalbox send --email ada@example.org --subject Hello --body "Your order is on its way."
  $ signalbox send --webhook https://hooks.example.org/in --body '{"n":1}' --key order-4711
  $ signalbox send --email ada@example.org --body Later --scheduled-for 2026-12-01T09:00:00Z`;

/** `signalbox send`: offers one notification, under a key in any case, so that a retry is never a second one. */
export function addSend(program: Command): void {
  program
    .command('send')
    .description('send one notification')
    .option('--email <address>', 'by e-mail to this address')
    .option('--webhook <url>', 'as a webhook to this address')
    .option('--user <id>', 'whom it concerns', 'cli')
    .option('--subject <text>', 'subject')
    .requiredOption('--body <text>', 'content')
    .option('--category <name>', 'e.g. orders')
    .addOption(new Option('--priority <priority>', 'urgent goes first').choices(['normal', 'urgent']))
    .option('--data <json>', 'an object that goes along', object)
    .option('--scheduled-for <time>', 'not before, ISO 8601')
    .option('--expires-at <time>', 'not after, ISO 8601')
    .option('--key <key>', 'idempotency key: the same key is the same notification (default: a new one)')
    .addHelpText('after', EXAMPLES)
    .action(send);
}

async function send(options: SendOptions, command: Command): Promise<void> {
  const { user, email, webhook, key = `cli-${randomUUID()}`, ...content } = options;
  const to = { ...(email === undefined ? {} : { email }), ...(webhook === undefined ? {} : { webhook }) };
  const channels = Object.keys(to);
  if (channels.length === 0) throw new CliError('name a recipient: --email, --webhook or both', 2);
  const client = await clientFor(command);
  const { body: accepted } = await client.offer<Accepted>('/api/v1/notifications', key, { userId: user, channels, to, ...content });
  if (globalOptions(command).json === true) return printJson(accepted);
  print(`${accepted.notificationId}  ${accepted.status}${accepted.idempotentHit ? '  (known already: nothing is sent again)' : ''}`);
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
