import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { ApiClient } from './api-client.js';
import { CliError } from './cli-error.js';
import { type Finish, print, printJson, rate, remark } from './command.js';
import { agrees, demandYes } from './confirm.js';
import { type DeskGroup, type DeskRow, groupsText } from './desk-text.js';
import { interruptible, patiently, pause } from './interrupt.js';
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

/** For the question and the report: `redrive`, `redriven`, `dead letters`. */
export interface Words {
  readonly verb: string;
  readonly done: string;
  readonly things: string;
}

/** What is to be done to many. */
export interface Bulk extends Words {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
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

/** What a dry run says of a single one: looked at, and nothing else. @throws CliError where it does not wait there */
export async function dryRunOfOne(client: ApiClient, path: string, words: Words, json: boolean): Promise<void> {
  const row = await client.get<DeskRow>(path);
  const { fingerprint, workload, channel, failure, settledAt, deliveryId } = row;
  const at = settledAt ?? '';
  const { code, message } = failure ?? { code: null, message: null };
  const group: DeskGroup = { fingerprint, workload, channel, code, message, count: 1, firstAt: at, lastAt: at, sample: deliveryId };
  const dry = { dryRun: true as const, action: words.verb, matched: 1, groups: [group] };
  if (json) printJson(dry);
  else print(dryText(words, dry));
}

async function dryRun(client: ApiClient, { path, body }: Bulk): Promise<DryRun> {
  return (await client.send<DryRun>('POST', path, { ...body, dryRun: true })).body;
}

function dryText({ done, things }: Words, dry: DryRun | null): string {
  if (dry === null || dry.matched === 0) return `no ${things} match`;
  return `${dry.matched} ${things} would be ${done}\n${groupsText(dry.groups, '')}`;
}

function operationText({ done, things }: Words, { operationId, status, matched, done: count }: Operation): string {
  return `${operationId}  ${status}: ${count} of ${matched} ${things} ${done}`;
}

/** Until it is over. Ctrl-C ends the looking, never the operation; nor does a server that is started anew. */
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
        seen = (await patiently(() => look(client, begun.operationId), signal)) ?? seen;
      }
    }),
  );
}

async function look(client: ApiClient, id: string): Promise<Operation> {
  try {
    return await client.get<Operation>(operationPath(id));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(`${error.message}; operation ${id} is the server's: see signalbox desk operation`, error.exitCode, error.passing);
  }
}
