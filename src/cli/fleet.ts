import type { Command } from 'commander';
import { age } from './cluster.js';
import { clientFor, print, printJson, wantsJson } from './command.js';
import { columns } from './table.js';

interface Member {
  readonly workerId: string;
  readonly state: string;
  readonly roles: readonly string[];
  readonly held: number;
  readonly processed: number;
  readonly failed: number;
  readonly connections: number;
  readonly duties: readonly string[];
  readonly host: string;
  readonly pid: number;
  readonly port: number | null;
  readonly startedAt: string;
  readonly seenAt: string;
}

interface FleetAnswer {
  readonly data: readonly Member[];
  readonly connections: number;
}

const HEADINGS = ['worker', 'state', 'roles', 'held', 'done', 'failed', 'store connections', 'duties', 'host', 'pid', 'port', 'up'];
const EXAMPLES = '\nExamples:\n  $ signalbox fleet\n  $ signalbox fleet --json';

/** `signalbox fleet`: every process that lives, wherever it runs. */
export function addFleet(program: Command): void {
  program
    .command('fleet')
    .description('every process that lives, wherever it runs: its roles, what it holds, what it does for all')
    .addHelpText('after', EXAMPLES)
    .action(async (_options: unknown, command: Command) => {
      const client = await clientFor(command);
      const fleet = await client.get<FleetAnswer>('/api/v1/fleet');
      if (wantsJson(command)) return printJson(fleet);
      print(columns([HEADINGS, ...fleet.data.map(row)], [3, 4, 5, 6, 9, 10]));
      print(`${fleet.data.length} ${fleet.data.length === 1 ? 'process' : 'processes'}, ${fleet.connections} connections to the store`);
    });
}

function row(member: Member): readonly string[] {
  const { workerId, state, roles, held, processed, failed, connections, duties, host, pid, port, startedAt } = member;
  const numbers = [held, processed, failed, connections].map(String);
  return [workerId, state, roles.join(','), ...numbers, duties.join(','), host, String(pid), String(port ?? ''), age(startedAt)];
}
