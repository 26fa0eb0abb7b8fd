import type { Command } from 'commander';
import { clientFor, family, print, printJson, wantsJson } from './command.js';
import { columns } from './table.js';

interface Queue {
  readonly depth: number;
  readonly unacked: number;
  readonly consumers: number;
  readonly open: number;
  readonly oldestDueMs: number;
}

const EXAMPLES = '\nExamples:\n  $ signalbox queue depth\n  $ signalbox queue depth --json';

/** `signalbox queue depth`: what waits, and for how long. */
export function addQueue(program: Command): void {
  family(program, 'queue', 'what waits to be worked on', EXAMPLES)
    .command('depth')
    .description('how much waits, and how long the oldest is overdue')
    .addHelpText('after', EXAMPLES)
    .action(async (_options: unknown, command: Command) => {
      const client = await clientFor(command);
      const { queue } = await client.get<{ readonly queue: Queue }>('/resources');
      if (wantsJson(command)) return printJson(queue);
      const rows = [
        ['wake-ups waiting', String(queue.depth)],
        ['wake-ups taken', String(queue.unacked)],
        ['open notifications', String(queue.open)],
        ['oldest overdue by', `${Math.round(queue.oldestDueMs)} ms`],
      ];
      print(columns(rows, [1]));
    });
}
