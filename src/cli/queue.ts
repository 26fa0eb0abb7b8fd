import type { Command } from 'commander';
import { clientFor, family, print, printJson, wantsJson } from './command.js';
import { columns } from './table.js';

/** Null: the server that was asked could not find out. */
interface Queue {
  readonly depth: number | null;
  readonly unacked: number | null;
  readonly consumers: number;
  readonly open: number | null;
  readonly oldestDueMs: number | null;
}

const UNKNOWN = 'unknown';
const told = (figure: number | null): string => (figure === null ? UNKNOWN : String(figure));

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
        ['wake-ups waiting', told(queue.depth)],
        ['wake-ups taken', told(queue.unacked)],
        ['open notifications', told(queue.open)],
        ['oldest overdue by', queue.oldestDueMs === null ? UNKNOWN : `${Math.round(queue.oldestDueMs)} ms`],
      ];
      print(columns(rows, [1]));
    });
}
