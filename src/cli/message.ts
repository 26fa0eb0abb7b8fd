import { randomUUID } from 'node:crypto';
import { type Command, Option } from 'commander';
import { clientFor, count, family, id, print, printJson, wantsJson } from './command.js';
import { columns } from './table.js';

const EXAMPLES = `
Examples:
  $ signalbox message send --conversation room_1 --sender ada --to bob "Hello"
  $ signalbox message history room_1
  $ signalbox message show 0b0c3f6e-…`;

interface SendOptions {
  readonly conversation: string;
  readonly sender: string;
  readonly to: readonly string[];
  readonly type: string;
  readonly clientId?: string;
}

interface Accepted {
  readonly messageId: string;
  readonly state: string;
  readonly idempotentHit: boolean;
}

interface Stored {
  readonly messageId: string;
  readonly senderId: string;
  readonly content: string;
  readonly persistedAt: string;
}

interface Receipt {
  readonly userId: string;
  readonly state: string;
  readonly at: string;
}

/** One message; without its content while it is pending, or where it could not be stored. */
interface Detail extends Partial<Stored> {
  readonly messageId: string;
  readonly conversationId: string;
  readonly state: string;
  readonly acceptedAt: string;
  readonly failure?: { readonly code: string; readonly message: string };
  readonly receipts: readonly Receipt[];
}

/** `signalbox message …`: conversations and what is in them. */
export function addMessage(program: Command): void {
  const message = family(program, 'message', 'messages in conversations', EXAMPLES);
  addSend(message);
  message
    .command('history')
    .description('a conversation, the oldest first')
    .argument('<conversation>', 'its id', id)
    .option('--newest', 'the newest first')
    .option('--limit <n>', 'at most so many', count, 20)
    .addHelpText('after', '\nExample:\n  $ signalbox message history room_1 --newest --limit 5')
    .action(async (conversation: string, options: { readonly newest?: true; readonly limit: number }, command: Command) => {
      const client = await clientFor(command);
      const order = options.newest === true ? 'newest' : 'oldest';
      const page = await client.list<Stored>(
        `/api/v1/conversations/${encodeURIComponent(conversation)}/messages`,
        { order },
        options.limit,
      );
      if (wantsJson(command)) return printJson(page);
      const rows = page.data.map(({ persistedAt, senderId, content }) => [persistedAt, senderId, content.split('\n')[0] ?? '']);
      print(rows.length === 0 ? 'nothing there' : columns(rows));
    });
  message
    .command('show')
    .description('one message, its state and its receipts')
    .argument('<id>', 'message id', id)
    .addHelpText('after', '\nExample:\n  $ signalbox message show 0b0c3f6e-5b1c-8c8e-9a55-0d6c2f1e7a11')
    .action(async (messageId: string, _options: unknown, command: Command) => {
      const client = await clientFor(command);
      const found = await client.get<Detail>(`/api/v1/messages/${encodeURIComponent(messageId)}`);
      if (wantsJson(command)) printJson(found);
      else print(detailText(found));
    });
}

function addSend(message: Command): void {
  message
    .command('send')
    .description('into a conversation')
    .argument('<content>', 'what it says')
    .requiredOption('--conversation <id>', 'whose order it keeps')
    .requiredOption('--sender <user>', 'whose it is')
    .addOption(
      new Option('--to <user>', 'a recipient; may be given several times')
        .argParser((user: string, earlier: readonly string[]) => [...earlier, user])
        .default([], 'nobody in particular'),
    )
    .option('--type <type>', 'of the content', 'text')
    .option('--client-id <id>', 'the same one is the same message (default: a new one)')
    .addHelpText('after', '\nExample:\n  $ signalbox message send --conversation room_1 --sender ada --to bob "Hello"')
    .action(async (content: string, options: SendOptions, command: Command) => {
      const { conversation: conversationId, sender: senderId, to: recipientIds, type: contentType } = options;
      const key = options.clientId ?? `cli-${randomUUID()}`;
      const client = await clientFor(command);
      const body = { conversationId, senderId, content, contentType, clientMessageId: key, recipientIds };
      const { body: accepted } = await client.offer<Accepted>('/api/v1/messages', key, body);
      if (wantsJson(command)) return printJson(accepted);
      print(`${accepted.messageId}  ${accepted.state}${accepted.idempotentHit ? '  (known already: nothing is stored again)' : ''}`);
    });
}

function detailText({ messageId, conversationId, state, acceptedAt, persistedAt, senderId, content, failure, receipts }: Detail): string {
  const rows = [
    ['message', messageId],
    ['conversation', conversationId],
    ['state', failure === undefined ? state : `${state}: ${failure.message} (${failure.code})`],
    ['accepted', acceptedAt],
    ...(persistedAt === undefined ? [] : [['stored', persistedAt]]),
    ...(senderId === undefined ? [] : [['sender', senderId]]),
    ...(content === undefined ? [] : [['content', content]]),
    ...receipts.map(({ userId, state: said, at }) => [said, `${userId} at ${at}`]),
  ];
  return columns(rows);
}
