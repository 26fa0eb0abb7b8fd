import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { ApiClient } from './api-client.js';
import { CliError } from './cli-error.js';
import { type Finish, print, printJson, rate, remark } from './command.js';
import { agrees, demandYes } from './confirm.js';
import { type DeskGroup, groupsText } from './desk-text.js';
import { interruptible, pause } from './interrupt.js';
import { withBar } from './progress.js';

export interface BulkOptions {
  readonly rate?: number;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly wait: boolean;
}

/** A bulk operation as the desk tells of it. */
export interface Operation {
  readonly operationId: string;
  readonly action: string;
  readonly status: string;
  readonly matched: number;
  readonly done: number;
}

interface DryRun {
  readonly dryRun: true;
  readonly matched: number;
  readonly groups: readonly DeskGroup[];
}

/** What is to be done to many. */
export interface Bulk {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** For the question and the report: `redrive`, `redriven`, `dead letters`. */
  readonly verb: string;
  readonly done: string;
  readonly things: string;
}

export function operationPath(id: string): string {
  return `/api/v1/desk/operations/${encodeURIComponent(id)}`;
}

const LOOK_EVERY_MS = 500;

/** The flags that every command on many has. */
export function withBulk(command: Command): Command {
  return command
    .option('--rate <n>', 'at most so many a second', rate)
    .option('--dry-run', 'only count and group what it would be')
    .option('--yes', 'do not ask')
    .option('--no-wait', 'return as soon as it has begun');
}

/** Counts, asks, does it, and shows how it goes. */
export async function runBulk(
  client: () => Promise<ApiClient>,
  bulk: Bulk,
  options: BulkOptions,
  json: boolean,
  finish: Finish,
): Promise<void> {
  const only = options.dryRun === true;
  if (!only) demandYes(options.yes === true, `${bulk.verb} of many`);
  const server = await client();
  const dry = only || options.yes !== true ? await dryRun(server, bulk) : null;
  if (only) return json ? printJson(dry) : print(dryText(bulk, dry));
  if (dry !== null) {
    process.stderr.write(`${dryText(bulk, dry)}\n`);
    if (dry.matched === 0) return;
    if (!(await agrees(`${bulk.verb} ${dry.matched} ${bulk.things}?`))) throw new CliError('nothing was done');
  }
  const speed = options.rate === undefined ? {} : { ratePerSecond: options.rate };
  const { body: begun } = await server.offer<Operation>(bulk.path, `cli-${randomUUID()}`, { ...bulk.body, ...speed });
  const ended = options.wait ? await follow(server, begun, bulk.verb, json) : begun;
  if (json) printJson(ended);
  else print(operationText(bulk, ended));
  finish(['failed', 'cancelled'].includes(ended.status) ? 1 : 0);
}

async function dryRun(client: ApiClient, { path, body }: Bulk): Promise<DryRun> {
  return (await client.send<DryRun>('POST', path, { ...body, dryRun: true })).body;
}

function dryText({ done, things }: Bulk, dry: DryRun | null): string {
  if (dry === null || dry.matched === 0) return `no ${things} match`;
  return `${dry.matched} ${things} would be ${done}\n${groupsText(dry.groups, '')}`;
}

function operationText({ done, things }: Bulk, { operationId, status, matched, done: count }: Operation): string {
  return `${operationId}  ${status}: ${count} of ${matched} ${things} ${done}`;
}

/** Until it is over. Ctrl-C ends the looking, never the operation. */
async function follow(client: ApiClient, begun: Operation, name: string, quiet: boolean): Promise<Operation> {
  return interruptible((signal) =>
    withBar(name, begun.matched, quiet, async (step) => {
      let shown = 0;
      let seen = begun;
      for (;;) {
        step(seen.done - shown);
        shown = seen.done;
        if (seen.status !== 'running') return seen;
        if (signal.aborted) {
          remark(`no longer waiting; it goes on at the server: see signalbox desk operation ${begun.operationId}, or desk cancel`);
          return seen;
        }
        await pause(LOOK_EVERY_MS, signal);
        seen = await client.get<Operation>(operationPath(begun.operationId));
      }
    }),
  );
}
