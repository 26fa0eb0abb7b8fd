import type { Command } from 'commander';
import { askAll, consecutive, portsOf } from './ask-processes.js';
import { CLUSTER_DIRECTORY } from './cluster.js';
import { count, type Finish, family, print, printJson, wantsJson } from './command.js';

const EXAMPLES = `
Examples:
  $ npm run workers:health                    of the cluster that runs here, else of five
  $ npm run workers:health -- --count 10

Worker i answers on port 9090 + i, the tenth on 9100. Exit code 0: all are healthy. 1: not so.`;

const FIRST_PORT = 9_091;
const USUAL = 5;

/** `signalbox workers health`: the health of each worker, a line each. */
export function addWorkers(program: Command, finish: Finish): void {
  family(program, 'workers', 'the workers of this machine', EXAMPLES)
    .command('health')
    .description('the health of each worker')
    .option('--count <n>', 'of so many workers (default: those of the cluster that runs here, else 5)', count)
    .option('--port <port>', 'health port of the first worker', count, FIRST_PORT)
    .option('--directory <path>', 'of the cluster', CLUSTER_DIRECTORY)
    .addHelpText('after', EXAMPLES)
    .action(async (options: { readonly count?: number; readonly port: number; readonly directory: string }, command: Command) => {
      const ports =
        options.count === undefined
          ? await portsOf('worker', options.directory, options.port, USUAL)
          : consecutive(options.port, options.count);
      const answers = await askAll<{ readonly status?: string }>(ports, '/health');
      if (wantsJson(command)) printJson(answers);
      else for (const { port, body } of answers) print(`${port} ${body === null ? 'no answer' : JSON.stringify(body)}`);
      finish(answers.every(({ status }) => status === 200) ? 0 : 1);
    });
}
