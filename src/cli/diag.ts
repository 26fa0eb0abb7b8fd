import type { Command } from 'commander';
import { askAll, portsOf, type Said } from './ask-processes.js';
import { CLUSTER_DIRECTORY } from './cluster.js';
import { type Finish, print, printJson, wantsJson } from './command.js';
import { columns } from './table.js';

interface Resources {
  readonly worker: string;
  readonly cpu: { readonly percent: number };
  readonly memory: { readonly rssBytes: number };
  readonly eventLoop: { readonly lagP99Ms: number };
  readonly database: { readonly open: number; readonly inUse: number; readonly limit: number };
  readonly queue: {
    readonly depth: number | null;
    readonly unacked: number | null;
    readonly consumers: number;
    readonly open: number | null;
    readonly oldestDueMs: number | null;
  };
}

type Health = Readonly<Record<string, unknown>> & { readonly status?: string };

const EXAMPLES = `
Examples:
  $ npm run diag
  $ signalbox diag --json

Asks the processes of the cluster that runs here, else the usual ports (3001, 3002, 9091 to 9095).
Exit code 0: all are healthy. 1: not so.`;

/** `signalbox diag`: is everybody well, how many connections, how much waits, what does it cost. */
export function addDiag(program: Command, finish: Finish): void {
  program
    .command('diag')
    .description('status of each process, connections to the store, queue depth, CPU and memory')
    .option('--directory <path>', 'of the cluster', CLUSTER_DIRECTORY)
    .addHelpText('after', EXAMPLES)
    .action(async ({ directory }: { readonly directory: string }, command: Command) => {
      const ports = [...(await portsOf('api', directory, 3_001, 2)), ...(await portsOf('worker', directory, 9_091, 5))];
      const [health, stats] = await Promise.all([askAll<Health>(ports, '/health'), askAll<Resources>(ports, '/resources')]);
      if (wantsJson(command)) printJson({ health, resources: stats });
      else show(health, stats);
      finish(health.every(({ status }) => status === 200) ? 0 : 1);
    });
}

function show(health: readonly Said<Health>[], stats: readonly Said<Resources>[]): void {
  const rows = health.map(({ port, body }, at) => {
    const of = stats[at]?.body ?? null;
    return [String(port), of?.worker ?? '', body?.status ?? 'no answer', ...(of === null ? [] : numbers(of)), ...wrong(body)];
  });
  print(columns([['port', 'worker', 'status', 'cpu %', 'memory MB', 'lag p99 ms', 'connections', ''], ...rows], [3, 4, 5, 6]));
  const known = stats.flatMap(({ body }) => (body === null ? [] : [body]));
  const sum = known.reduce((total, { database }) => total + database.open, 0);
  const limit = known.reduce((total, { database }) => total + database.limit, 0);
  print(`\nconnections to the store: ${sum}, at most ${limit}`);
  const queue = known.find(({ queue }) => queue.depth !== null)?.queue;
  if (queue === undefined) {
    print('queue: nobody can tell');
    return;
  }
  const oldest = queue.oldestDueMs === null ? 'unknown' : `${Math.round(queue.oldestDueMs)} ms`;
  print(`queue: ${queue.depth} waiting, ${queue.unacked} taken, ${queue.consumers} consumers`);
  print(`open records: ${queue.open ?? 'unknown'}, the oldest overdue by ${oldest}`);
}

function numbers({ cpu, memory, eventLoop, database }: Resources): readonly string[] {
  const megabytes = Math.round(memory.rssBytes / (1024 * 1024));
  return [cpu.percent.toFixed(1), String(megabytes), eventLoop.lagP99Ms.toFixed(1), `${database.open}/${database.limit}`];
}

/** The servers that the process misses. */
function wrong(body: Health | null): readonly string[] {
  const missed = ['database', 'messageQueue', 'redis'].filter((name) => {
    const said = body?.[name];
    return said === 'disconnected' || (typeof said === 'object' && said !== null && 'connected' in said && said.connected === false);
  });
  return missed.length === 0 ? [] : [`misses ${missed.join(', ')}`];
}
