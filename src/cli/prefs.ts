import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { ApiClient } from './api-client.js';
import { CliError } from './cli-error.js';
import { clientFor, family, print, printJson, wantsJson } from './command.js';
import { type ChangeOptions, type Choices, changed } from './prefs-change.js';
import { columns } from './table.js';

interface Preferences extends Choices {
  readonly userId: string;
  /** 0: nothing has been chosen yet. */
  readonly version: number;
  readonly updatedAt: string | null;
}

interface SetOptions extends ChangeOptions {
  readonly file?: string;
}

const EXAMPLES = `
Examples:
  $ signalbox prefs get ada
  $ signalbox prefs set ada --email ada@example.org --quiet 22:00-07:00 --zone Europe/Lisbon
  $ signalbox prefs set ada --off sms --off marketing/email
  $ signalbox prefs get ada --json > ada.json && signalbox prefs set ada --file ada.json`;

/** `signalbox prefs …`: where and when a person wants to be reached. */
export function addPrefs(program: Command): void {
  const prefs = family(program, 'prefs', 'where, when and of what people want to hear', EXAMPLES);
  prefs
    .command('get')
    .description('show what a person has chosen')
    .argument('<user>', 'user id')
    .addHelpText('after', '\nExamples:\n  $ signalbox prefs get ada\n  $ signalbox prefs get ada --json')
    .action(async (user: string, _options: unknown, command: Command) => {
      const client = await clientFor(command);
      show(await client.get<Preferences>(pathOf(user)), command);
    });
  prefs
    .command('set')
    .description('change what the flags name, or replace everything from a file')
    .argument('<user>', 'user id')
    .option('--file <path>', 'JSON as prefs get --json prints it; - for standard input')
    .option('--email <address>', 'e-mail address')
    .option('--phone <number>', 'phone number')
    .option('--webhook <url>', 'webhook address')
    .option('--push-token <token>', 'token of the device')
    .option('--off <name>', 'not by this channel (email), nor of this category by a channel (marketing/email)', several, [])
    .option('--on <name>', 'again by this channel, or of this category by a channel', several, [])
    .option('--quiet <hours>', 'not to be disturbed, e.g. 22:00-07:00')
    .option('--no-quiet', 'no quiet hours any more')
    .option('--zone <name>', 'time zone of the quiet hours, e.g. Europe/Lisbon')
    .option('--days <names>', 'days on which they start, e.g. mon,tue,wed', (names: string) => names.split(','))
    .addHelpText('after', `\nA change applies to what is already waiting.\n${EXAMPLES}`)
    .action(set);
}

async function set(user: string, options: SetOptions, command: Command): Promise<void> {
  const { file, ...flags } = options;
  const flagged = Object.values(flags).some((value) => !Array.isArray(value) || value.length > 0);
  if ((file !== undefined) === flagged) throw new CliError('give either a --file or what to change', 2);
  const whole = file === undefined ? null : await choicesIn(file);
  const client = await clientFor(command);
  if (whole !== null) return show(await put(client, user, whole, null), command);
  const now = await client.get<Preferences>(pathOf(user));
  // Only if nobody has changed it meanwhile: the flags change a part, and the whole is stored.
  show(await put(client, user, changed(choicesOf(now), flags), now.version), command);
}

async function put(client: ApiClient, user: string, choices: unknown, version: number | null): Promise<Preferences> {
  const headers: Record<string, string> = version === null ? {} : { 'if-match': `"${version}"` };
  return (await client.send<Preferences>('PUT', pathOf(user), choices, headers)).body;
}

/** What a file says; what the server adds of its own to a `prefs get` is left out, so that it can be put back as it is. */
async function choicesIn(file: string): Promise<Readonly<Record<string, unknown>>> {
  let content: string;
  try {
    content = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch {
    throw new CliError(`${file} cannot be read`, 2);
  }
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    value = null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new CliError(`${file} does not hold a JSON object`, 2);
  const { userId: _user, version: _version, updatedAt: _at, ...choices } = value as Readonly<Record<string, unknown>>;
  return choices;
}

function choicesOf({ contacts, channels, categories, quietHours }: Preferences): Choices {
  return { contacts, channels, categories, quietHours };
}

function pathOf(user: string): string {
  return `/api/v1/users/${encodeURIComponent(user)}/preferences`;
}

function several(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

function show(found: Preferences, command: Command): void {
  if (wantsJson(command)) printJson(found);
  else print(asText(found));
}

function asText({ userId, version, updatedAt, contacts, channels, categories, quietHours }: Preferences): string {
  const wanted = (on: boolean): string => (on ? 'on' : 'off');
  const days = (quietHours?.days ?? []).join(' ');
  const hours = quietHours === null ? 'none' : `${quietHours.start}-${quietHours.end} ${quietHours.timeZone} (${days})`;
  return columns([
    ['user', userId],
    ['changed', updatedAt === null ? 'never' : `${updatedAt} (version ${version})`],
    ...Object.entries(contacts).map(([name, address]) => [name, address]),
    ...Object.entries(channels).map(([name, on]) => [`channel ${name}`, wanted(on)]),
    ...Object.entries(categories).flatMap(([category, each]) =>
      Object.entries(each).map(([name, on]) => [`${category} by ${name}`, wanted(on)]),
    ),
    ['quiet hours', hours],
  ]);
}
