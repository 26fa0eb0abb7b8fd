import { type Command, Option } from 'commander';
import { type Operation, operationPath } from './bulk.js';
import { clientFor, count, family, id, instant, print, printJson, wantsJson } from './command.js';
import { type Facts, inline } from './decisions.js';
import { columns } from './table.js';

const EXAMPLES = `
Examples:
  $ signalbox desk operation 7c9e6679-…      how far a redrive of many has got
  $ signalbox desk cancel 7c9e6679-…         no further
  $ signalbox desk audit --since 1d          who did what`;

interface AuditLine {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly deliveryId: string | null;
  readonly recordId: string;
  readonly detail: Facts;
}

interface AuditOptions {
  readonly action?: string;
  readonly actor?: string;
  readonly since?: string;
  readonly limit: number;
}

/** `signalbox desk …`: operations on many, and what people did. */
export function addDesk(program: Command): void {
  const desk = family(program, 'desk', 'operations on many dead letters or held deliveries, and the audit', EXAMPLES);
  for (const [name, description, method, suffix] of [
    ['operation', 'how far an operation on many has got', 'GET', ''],
    ['cancel', 'stop an operation on many; what is done stays done', 'POST', '/cancel'],
  ] as const) {
    desk
      .command(name)
      .description(description)
      .argument('<id>', 'operation id', id)
      .addHelpText('after', `\nExample:\n  $ signalbox desk ${name} 7c9e6679-7425-40de-944b-e07fc1f90ae7`)
      .action(async (operationId: string, _options: unknown, command: Command) => {
        const client = await clientFor(command);
        const { body: found } = await client.send<Operation>(method, operationPath(operationId) + suffix);
        if (wantsJson(command)) printJson(found);
        else print(`${found.operationId}  ${found.action}  ${found.status}: ${found.done} of ${found.matched}`);
      });
  }
  desk
    .command('audit')
    .description('what people did, the newest first')
    .option('--action <name>', 'only this, e.g. redriven, discarded, resolved')
    .option('--actor <name>', 'only by them')
    .addOption(new Option('--since <time>', 'not before: ISO 8601, or an age such as 1h').argParser(instant))
    .option('--limit <n>', 'at most so many', count, 20)
    .addHelpText('after', '\nExample:\n  $ signalbox desk audit --action discarded --since 7d')
    .action(async ({ limit, action, actor, since }: AuditOptions, command: Command) => {
      const client = await clientFor(command);
      const page = await client.list<AuditLine>('/api/v1/desk/audit', { action, actor, since }, limit);
      if (wantsJson(command)) return printJson(page);
      const rows = page.data.map(({ at, actor: who, action: what, deliveryId, recordId, detail }) => [
        at,
        who,
        what,
        deliveryId ?? recordId,
        inline(detail),
      ]);
      print(rows.length === 0 ? 'nobody did anything that matches' : columns(rows));
    });
}
