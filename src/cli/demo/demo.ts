import type { Command } from 'commander';
import { ApiClient } from '../api-client.js';
import { count, type Finish, globalOptions, print, printJson } from '../command.js';
import { findServer } from '../find-server.js';
import { startOwnServer } from './own-server.js';
import { report } from './report.js';
import { type RunOptions, runDemo } from './run.js';
import { SUBSCRIBERS } from './subscribers.js';
import { isClean } from './verdict.js';

const EXAMPLES = `
Starts a server of its own, and stops it again, unless --url names one or one answers at a usual address.
Everything goes to that server's own sink and inboxes, nothing to a real address; a server without a sink is left alone.

People live in their own time zones. Some sleep: what is not urgent waits. In the end they give up their quiet hours,
which releases what waits; with --wait-for-windows some of the windows end by themselves first, within two minutes.

Examples:
  $ signalbox demo
  $ signalbox demo --limit 200 --concurrency 4
  $ signalbox demo --wait-for-windows
  $ signalbox demo --url http://127.0.0.1:3000 --json`;

/** `signalbox demo`: a week of real earthquakes, as notifications to those who asked for them, when and how they want them. */
export function addDemo(program: Command, finish: Finish): void {
  program
    .command('demo')
    .description(
      `feed a week of earthquakes to ${SUBSCRIBERS.length} subscribers, and check that each got its own once, and when it was welcome`,
    )
    .option('--limit <n>', 'at most this many notifications (default: all)', count)
    .option('--concurrency <n>', 'requests at a time', count, 16)
    .option('--wait-for-windows', 'wait for the quiet hours that end within two minutes')
    .addHelpText('after', EXAMPLES)
    .action(async (options: RunOptions, command: Command) => {
      const { url, json } = globalOptions(command);
      const quiet = json === true;
      const found = url ?? (await findServer());
      const own = found === null ? await startOwnServer() : null;
      try {
        const client = new ApiClient(own?.url ?? found ?? '');
        if (!quiet)
          print(own === null ? `Using the server at ${client.url}` : `No server answers: started one of our own at ${client.url}`);
        const summary = await runDemo(client, options, quiet);
        if (quiet) printJson(summary);
        else print(report(summary));
        finish(isClean(summary) ? 0 : 1);
      } finally {
        await own?.stop();
        if (!quiet && own !== null) print('Stopped our own server and removed its data.');
      }
    });
}
