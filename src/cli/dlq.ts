import type { Command } from 'commander';
import { type ApiClient, PAGE_MAX, type Page } from './api-client.js';
import { type BulkOptions, dryRunOfOne, runBulk, withBulk } from './bulk.js';
import { clientFor, count, type Finish, family, id, print, printJson, wantsJson } from './command.js';
import { type DeskDetail, detailText } from './desk-detail.js';
import { type ChoiceOptions, chosen, type FilterOptions, filterOf, withFilter } from './desk-filter.js';
import { type DeskGroup, type DeskRow, groupsText, rowsText } from './desk-text.js';

const PATH = '/api/v1/dead-letters';
const NOTHING = 'there are no dead letters that match';

const EXAMPLES = `
Examples:
  $ signalbox dlq group                                                    what went wrong, the most frequent cause first
  $ signalbox dlq show 5a1f1c4e-…                                          one, with all that was tried
  $ signalbox dlq redrive --fingerprint 9f86d081884c7d65 --dry-run         how many that would be
  $ signalbox dlq redrive --fingerprint 9f86d081884c7d65 --rate 20 --yes   again, 20 a second
  $ signalbox dlq discard 5a1f1c4e-… --reason "account closed"`;

interface RedriveOptions extends ChoiceOptions, BulkOptions {
  readonly note?: string;
}

interface DiscardOptions extends ChoiceOptions, BulkOptions {
  readonly reason: string;
}

/** `signalbox dlq …`: what will not be tried again, for a person to repair. */
export function addDlq(program: Command, finish: Finish): void {
  const dlq = family(program, 'dlq', 'dead letters: what will not be tried again', EXAMPLES);
  addLists(dlq);
  addRedrive(dlq, finish);
  addDiscard(dlq, finish);
}

function addLists(dlq: Command): void {
  withFilter(dlq.command('list').description('the newest dead letters'), 'dead')
    .option('--limit <n>', 'at most so many', count, 20)
    .addHelpText(
      'after',
      '\nExamples:\n  $ signalbox dlq list --since 1h\n  $ signalbox dlq list --channel webhook --code http_410 --limit 200 --json',
    )
    .action(async (options: FilterOptions & { readonly limit: number }, command: Command) => {
      const client = await clientFor(command);
      const page = await client.list<DeskRow>(PATH, filterOf(options), options.limit);
      if (wantsJson(command)) printJson(page);
      else print(rowsText(page.data, NOTHING));
    });

  withFilter(dlq.command('group').description('dead letters by cause, the most frequent first'), 'dead')
    .addHelpText('after', '\nExamples:\n  $ signalbox dlq group\n  $ signalbox dlq group --since 1h --json')
    .action(async (options: FilterOptions, command: Command) => {
      const client = await clientFor(command);
      const groups = await client.get<Page<DeskGroup>>(`${PATH}/groups`, { ...filterOf(options), limit: PAGE_MAX });
      if (wantsJson(command)) printJson(groups);
      else print(groupsText(groups.data, NOTHING));
    });

  dlq
    .command('show')
    .description('one dead letter with every attempt, decision and earlier life')
    .argument('<id>', 'delivery id', id)
    .addHelpText('after', '\nExample:\n  $ signalbox dlq show 5a1f1c4e-5b1c-8c8e-9a55-0d6c2f1e7a11')
    .action(async (deliveryId: string, _options: unknown, command: Command) => {
      const client = await clientFor(command);
      const found = await client.get<DeskDetail>(pathOf(deliveryId));
      if (wantsJson(command)) printJson(found);
      else print(detailText(found));
    });
}

function addRedrive(dlq: Command, finish: Finish): void {
  const redrive = withFilter(
    dlq.command('redrive').description('send again: one by its id, or all that match').argument('[id]', 'delivery id', id),
    'dead',
  )
    .option('--all', 'every one')
    .option('--note <text>', 'kept in the audit');
  withBulk(redrive)
    .addHelpText(
      'after',
      `
What is sent again keeps its identity; where it fails again it is back, with its history.

Examples:
  $ signalbox dlq redrive 5a1f1c4e-5b1c-8c8e-9a55-0d6c2f1e7a11
  $ signalbox dlq redrive --fingerprint 9f86d081884c7d65 --dry-run
  $ signalbox dlq redrive --channel webhook --since 2h --rate 20 --note "receiver is back" --yes`,
    )
    .action(async (deliveryId: string | undefined, options: RedriveOptions, command: Command) => {
      const filter = chosen(deliveryId, options);
      const note = options.note === undefined ? {} : { note: options.note };
      const words = { verb: 'redrive', done: 'redriven', things: 'dead letters' };
      if (filter === null) {
        const path = pathOf(deliveryId);
        const client = await clientFor(command);
        if (options.dryRun === true) return dryRunOfOne(client, path, words, wantsJson(command));
        return one(client, 'POST', `${path}/redrive`, note, command);
      }
      const bulk = { path: `${PATH}/redrive`, body: { filter, ...note }, ...words };
      await runBulk(() => clientFor(command), bulk, options, wantsJson(command), finish);
    });
}

function addDiscard(dlq: Command, finish: Finish): void {
  const discard = withFilter(
    dlq.command('discard').description('give up for good: one by its id, or all that match').argument('[id]', 'delivery id', id),
    'dead',
  )
    .option('--all', 'every one')
    .requiredOption('--reason <text>', 'kept in the audit');
  withBulk(discard)
    .addHelpText(
      'after',
      `
Examples:
  $ signalbox dlq discard 5a1f1c4e-5b1c-8c8e-9a55-0d6c2f1e7a11 --reason "account closed"
  $ signalbox dlq discard --code smtp_550 --until 7d --reason "addresses are gone" --dry-run`,
    )
    .action(async (deliveryId: string | undefined, options: DiscardOptions, command: Command) => {
      const filter = chosen(deliveryId, options);
      const { reason } = options;
      const words = { verb: 'discard', done: 'discarded', things: 'dead letters' };
      if (filter === null) {
        const path = pathOf(deliveryId);
        const client = await clientFor(command);
        if (options.dryRun === true) return dryRunOfOne(client, path, words, wantsJson(command));
        return one(client, 'DELETE', `${path}?${new URLSearchParams({ reason }).toString()}`, undefined, command);
      }
      const bulk = { path: `${PATH}/discard`, body: { filter, reason }, ...words };
      await runBulk(() => clientFor(command), bulk, options, wantsJson(command), finish);
    });
}

function pathOf(deliveryId = ''): string {
  return `${PATH}/${encodeURIComponent(deliveryId)}`;
}

/** One thing done to one delivery. */
async function one(client: ApiClient, method: string, path: string, body: unknown, command: Command): Promise<void> {
  const { body: answer } = await client.send<Partial<DeskRow>>(method, path, body);
  if (wantsJson(command)) printJson(answer);
  else print(`${answer.deliveryId ?? ''}  ${answer.status ?? 'done'}`);
}
