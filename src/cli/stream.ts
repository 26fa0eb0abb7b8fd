import { type Command, InvalidArgumentError } from 'commander';
import { clientFor, family, id, print, printJson, remark, wantsJson } from './command.js';
import { columns } from './table.js';

const EXAMPLES = `
Examples:
  $ signalbox stream status
  $ signalbox stream pause
  $ signalbox stream partitions 32
  $ signalbox stream release test_conv_001
  $ signalbox partition-of test_conv_001`;

const PATH = '/api/v1/streams/messages';
const LOOK_MS = 500;

interface Layout {
  readonly epoch: number;
  readonly partitions: number;
  readonly moving: { readonly from: number; readonly left: readonly { readonly entries: number }[] } | null;
}

interface Status extends Layout {
  readonly paused: boolean;
  readonly depth: readonly {
    readonly partition: number;
    readonly length: number;
    readonly lag: number;
    readonly pending: number;
    readonly parked: number;
    readonly oldestMs: number;
    readonly owner: string | null;
  }[];
}

interface Place {
  readonly partition: number;
  readonly partitions: number;
}

interface Parked {
  readonly key: string;
  readonly partition: number;
  readonly waiting: number;
  readonly attempts: number;
  readonly state: string;
  readonly failure: { readonly code: string; readonly message: string };
}

/** `signalbox stream …` and `signalbox partition-of`: the log that messages go through. */
export function addStream(program: Command): void {
  const stream = family(program, 'stream', 'the log that messages go through', EXAMPLES);
  addLooks(stream);
  for (const what of ['pause', 'resume'] as const) {
    stream
      .command(what)
      .description(what === 'pause' ? 'nothing is taken out of it, in no process, until it is resumed' : 'what was paused goes on')
      .addHelpText('after', `\nExample:\n  $ signalbox stream ${what}`)
      .action(async (_options: unknown, command: Command) => {
        const client = await clientFor(command);
        const { body } = await client.send<{ readonly paused: boolean }>('POST', `${PATH}/${what}`);
        if (wantsJson(command)) printJson(body);
        else print(body.paused ? 'paused: messages are accepted, and stored when it is resumed' : 'resumed');
      });
  }
  addPartitions(stream);
  stream
    .command('release')
    .description('a conversation that is held goes on with what waits')
    .argument('<conversation>', 'its id', id)
    .addHelpText('after', '\nExample:\n  $ signalbox stream release test_conv_001')
    .action(async (key: string, _options: unknown, command: Command) => {
      const client = await clientFor(command);
      const { body } = await client.send<{ readonly released: boolean }>('POST', `${PATH}/release`, { key });
      if (wantsJson(command)) printJson(body);
      else print(body.released ? 'goes on' : 'is not held');
    });
  program
    .command('partition-of')
    .description('where a conversation is: its partition and the name of its stream')
    .argument('<conversation>', 'its id', id)
    .addHelpText('after', '\nExample:\n  $ signalbox partition-of test_conv_001')
    .action(async (conversation: string, _options: unknown, command: Command) => {
      const found = await (await clientFor(command)).get<Place>(`${PATH}/partition`, { key: conversation });
      if (wantsJson(command)) printJson(found);
      else print(`${found.partition}  msg:stream:${found.partition}  (of ${found.partitions})`);
    });
}

function addLooks(stream: Command): void {
  stream
    .command('status')
    .description('its partitions: who owns each, and how much waits')
    .addHelpText('after', '\nExample:\n  $ signalbox stream status')
    .action(async (_options: unknown, command: Command) => {
      const client = await clientFor(command);
      const status = await client.get<Status>(PATH);
      if (wantsJson(command)) return printJson(status);
      const head = ['partition', 'owner', 'lag', 'pending', 'parked', 'oldest', 'length'];
      const rows = status.depth.map(({ partition, owner, lag, pending, parked, oldestMs, length }) => [
        ...[partition, owner ?? '-', lag, pending, parked].map(String),
        `${Math.round(oldestMs)} ms`,
        String(length),
      ]);
      print(columns([head, ...rows], [0, 2, 3, 4, 5, 6]));
      print(`${status.partitions} partitions in epoch ${status.epoch}${status.paused ? ', paused' : ''}${movingText(status)}`);
    });
  stream
    .command('parked')
    .description('conversations that stand still, and why')
    .addHelpText('after', '\nExample:\n  $ signalbox stream parked')
    .action(async (_options: unknown, command: Command) => {
      const client = await clientFor(command);
      const page = await client.get<{ readonly data: readonly Parked[] }>(`${PATH}/parked`);
      if (wantsJson(command)) return printJson(page);
      const rows = page.data.map(({ key, partition, waiting, attempts, state, failure }) => [
        key,
        ...[partition, waiting, attempts].map(String),
        state,
        `${failure.message} (${failure.code})`,
      ]);
      print(
        rows.length === 0 ? 'none' : columns([['conversation', 'partition', 'waiting', 'attempts', 'state', 'why'], ...rows], [1, 2, 3]),
      );
    });
}

function addPartitions(stream: Command): void {
  stream
    .command('partitions')
    .description('another number of partitions; each conversation keeps its order')
    .argument('<n>', 'how many', partitionCount)
    .option('--no-wait', 'do not wait until the old ones are worked off')
    .addHelpText('after', '\nExample:\n  $ signalbox stream partitions 32')
    .action(async (partitions: number, { wait }: { readonly wait: boolean }, command: Command) => {
      const client = await clientFor(command);
      let { body: layout } = await client.send<Layout>('POST', `${PATH}/partitions`, { partitions });
      let told = '';
      while (wait && layout.moving !== null) {
        const text = movingText(layout);
        if (text !== told) remark(`working off the old partitions${text}`);
        told = text;
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        layout = await client.get<Status>(PATH);
      }
      if (wantsJson(command)) printJson(layout);
      else print(`${layout.partitions} partitions in epoch ${layout.epoch}${movingText(layout)}`);
    });
}

function movingText({ moving }: Layout): string {
  if (moving === null) return '';
  const entries = moving.left.reduce((sum, left) => sum + left.entries, 0);
  return `: ${entries} messages of the ${moving.from} before are left`;
}

function partitionCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 1024) throw new InvalidArgumentError('It must be a whole number from 1 to 1024.');
  return value;
}
