import { type Command, Option } from 'commander';
import { PAGE_MAX, type Page } from './api-client.js';
import { type BulkOptions, dryRunOfOne, runBulk, withBulk } from './bulk.js';
import { clientFor, count, type Finish, family, id, print, printJson, wantsJson } from './command.js';
import { type DeskDetail, detailText } from './desk-detail.js';
import { type ChoiceOptions, chosen, type FilterOptions, filterOf, withFilter } from './desk-filter.js';
import { type DeskGroup, type DeskRow, groupsText, rowsText } from './desk-text.js';

const PATH = '/api/v1/held';
const NOTHING = 'nothing is held that matches';

const EXAMPLES = `
Examples:
  $ signalbox held list
  $ signalbox held resolve 5a1f1c4e-… --as delivered --note "the mailbox has it"
  $ signalbox held resolve --channel email --since 1h --as resend --rate 10 --dry-run`;

interface ResolveOptions extends ChoiceOptions, BulkOptions {
  readonly as: 'delivered' | 'resend' | 'dead';
  readonly note?: string;
}

/** `signalbox held …`: what may or may not have been sent, for a person to settle. */
export function addHeld(program: Command, finish: Finish): void {
  const held = family(program, 'held', 'held deliveries: nobody can know whether they were sent', EXAMPLES);
  withFilter(held.command('list').description('the newest held deliveries'), 'held')
    .option('--limit <n>', 'at most so many', count, 20)
    .addHelpText('after', '\nExamples:\n  $ signalbox held list\n  $ signalbox held list --user ada --json')
    .action(async (options: FilterOptions & { readonly limit: number }, command: Command) => {
      const page = await (await clientFor(command)).list<DeskRow>(PATH, filterOf(options), options.limit);
      if (wantsJson(command)) printJson(page);
      else print(rowsText(page.data, NOTHING));
    });

  withFilter(held.command('group').description('held deliveries by channel and error'), 'held')
    .addHelpText('after', '\nExample:\n  $ signalbox held group --since 1d')
    .action(async (options: FilterOptions, command: Command) => {
      const client = await clientFor(command);
      const groups = await client.get<Page<DeskGroup>>(`${PATH}/groups`, { ...filterOf(options), limit: PAGE_MAX });
      if (wantsJson(command)) printJson(groups);
      else print(groupsText(groups.data, NOTHING));
    });

  held
    .command('show')
    .description('one held delivery with every attempt and decision')
    .argument('<id>', 'delivery id', id)
    .addHelpText('after', '\nExample:\n  $ signalbox held show 5a1f1c4e-5b1c-8c8e-9a55-0d6c2f1e7a11')
    .action(async (deliveryId: string, _options: unknown, command: Command) => {
      const found = await (await clientFor(command)).get<DeskDetail>(`${PATH}/${encodeURIComponent(deliveryId)}`);
      if (wantsJson(command)) printJson(found);
      else print(detailText(found));
    });
  addResolve(held, finish);
}

function addResolve(held: Command, finish: Finish): void {
  const resolve = withFilter(
    held.command('resolve').description('settle: one by its id, or all that match').argument('[id]', 'delivery id', id),
    'held',
  )
    .option('--all', 'every one')
    .addOption(
      new Option('--as <what>', 'delivered: it was; resend: send it again; dead: give up')
        .choices(['delivered', 'resend', 'dead'])
        .makeOptionMandatory(),
    )
    .option('--note <text>', 'kept in the audit');
  withBulk(resolve)
    .addHelpText('after', EXAMPLES)
    .action(async (deliveryId: string | undefined, options: ResolveOptions, command: Command) => {
      const filter = chosen(deliveryId, options);
      const { note, as: resolution } = options;
      const body = { resolution, ...(note === undefined ? {} : { note }) };
      const words = { verb: 'resolve', done: 'resolved', things: 'held deliveries' };
      if (filter === null) {
        const path = `${PATH}/${encodeURIComponent(deliveryId ?? '')}`;
        const client = await clientFor(command);
        if (options.dryRun === true) return dryRunOfOne(client, path, words, wantsJson(command));
        const { body: answer } = await client.send<Partial<DeskRow>>('POST', `${path}/resolve`, body);
        if (wantsJson(command)) return printJson(answer);
        return print(`${answer.deliveryId ?? deliveryId}  ${answer.status ?? resolution}`);
      }
      const bulk = { path: `${PATH}/resolve`, body: { filter, ...body }, ...words };
      await runBulk(() => clientFor(command), bulk, options, wantsJson(command), finish);
    });
}
