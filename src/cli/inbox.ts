import { type Command, InvalidArgumentError, Option } from 'commander';
import { clientFor, count, family, print, printJson, wantsJson } from './command.js';
import { columns } from './table.js';

interface Item {
  readonly seq: number;
  readonly category: string | null;
  readonly subject: string | null;
  readonly body: string;
  readonly createdAt: string;
  readonly readAt: string | null;
}

const EXAMPLES = `
Examples:
  $ signalbox inbox list ada --unread
  $ signalbox inbox read ada --up-to 17`;

/** `signalbox inbox …`: what a person finds in the application. */
export function addInbox(program: Command): void {
  const inbox = family(program, 'inbox', 'what a person finds in the application', EXAMPLES);
  inbox
    .command('list')
    .description('the newest first')
    .argument('<user>', 'user id')
    .option('--unread', 'only what has not been read')
    .option('--limit <n>', 'at most so many', count, 20)
    .addHelpText('after', '\nExample:\n  $ signalbox inbox list ada --unread --json')
    .action(async (user: string, { unread, limit }: { readonly unread?: true; readonly limit: number }, command: Command) => {
      const client = await clientFor(command);
      const page = await client.list<Item>(pathOf(user), { unread }, limit);
      if (wantsJson(command)) return printJson(page);
      const rows = page.data.map((item) => [
        String(item.seq),
        item.createdAt,
        item.readAt === null ? 'new' : 'read',
        item.subject ?? item.body.split('\n')[0] ?? '',
      ]);
      print(rows.length === 0 ? 'nothing there' : columns(rows, [0]));
    });
  inbox
    .command('read')
    .description('mark as read')
    .argument('<user>', 'user id')
    .addOption(new Option('--up-to <seq>', 'everything up to this number (see list)').argParser(seqOf).makeOptionMandatory())
    .addHelpText('after', '\nExample:\n  $ signalbox inbox read ada --up-to 17')
    .action(async (user: string, { upTo }: { readonly upTo: number }, command: Command) => {
      const client = await clientFor(command);
      const { body } = await client.send<{ readonly changed: number; readonly unread: number }>('POST', `${pathOf(user)}/read`, { upTo });
      if (wantsJson(command)) printJson(body);
      else print(`${body.changed} marked as read, ${body.unread} unread`);
    });
}

function pathOf(user: string): string {
  return `/api/v1/users/${encodeURIComponent(user)}/inbox`;
}

/** Rises with every item of a person, for years: no small number. */
function seqOf(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return value;
}
