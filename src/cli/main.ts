import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { addAutoscale } from './autoscale.js';
import { CliError } from './cli-error.js';
import { addCluster } from './cluster.js';
import { type Finish, httpUrl } from './command.js';
import { addConfig } from './config-command.js';
import { addDedupe } from './dedupe.js';
import { addDemo } from './demo/demo.js';
import { addDesk } from './desk.js';
import { addDiag } from './diag.js';
import { addDlq } from './dlq.js';
import { addExplain } from './explain.js';
import { addFleet } from './fleet.js';
import { addHeld } from './held.js';
import { addInbox } from './inbox.js';
import { addKey } from './key.js';
import { addMessage } from './message.js';
import { addMigrate } from './migrate.js';
import { addPrefs } from './prefs.js';
import { addQueue } from './queue.js';
import { addScale } from './scale.js';
import { addSend } from './send.js';
import { addShow } from './show.js';
import { addStream } from './stream.js';
import { addTail } from './tail.js';
import { addWorkers } from './workers.js';

const EXAMPLES = `
Examples:
  $ signalbox demo                    feeds a week of earthquakes to 36 subscribers, and checks that each got its own once
  $ signalbox send --email ada@example.org --subject Hello --body "Your order is on its way."
  $ signalbox tail
  $ signalbox explain 0b0c3f6e-…
  $ signalbox dlq group

SIGNALBOX_API_KEY: the API key that is sent, where the server asks for one.
Exit codes: 0 it went well, 1 it failed, 2 the command line (or, to config check, a setting) was not understood.`;

/** Runs one command line and gives the exit code. A failure is one line on standard error. */
export async function run(argv: readonly string[]): Promise<number> {
  let code: 0 | 1 | 2 = 0;
  const program = createProgram((with_) => {
    code = with_;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    // Commander has said what was wrong; help and version are errors to it too, with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`signalbox: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof CliError ? error.exitCode : 1;
  }
}

function createProgram(finish: Finish): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  const program = new Command('signalbox')
    .description('The command line of Signalbox: a client of its HTTP API.')
    .version(version)
    .addOption(
      new Option('--url <url>', 'the server (default: the first that answers at 127.0.0.1:3001, :3000, :8080)')
        .env('SIGNALBOX_URL')
        .argParser(httpUrl),
    )
    .option('--json', 'print JSON')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(`signalbox: ${oneLine(text)}\n`) })
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .usage('[options] <command>')
    // With all words behind it: what is not there is then named, instead of their number.
    .argument('[command...]')
    // Reached only where no command of that name is there.
    .action(([name]: readonly string[]) => {
      program.error(name === undefined ? 'name a command (see signalbox --help)' : `there is no command ${name} (see signalbox --help)`);
    });
  addSend(program);
  addShow(program);
  addExplain(program);
  addTail(program);
  addDlq(program, finish);
  addHeld(program, finish);
  addDesk(program);
  addQueue(program);
  addMessage(program);
  addStream(program);
  addPrefs(program);
  addInbox(program);
  addKey(program);
  addFleet(program);
  addCluster(program, finish);
  addWorkers(program, finish);
  addScale(program, finish);
  addAutoscale(program, finish);
  addDiag(program, finish);
  addConfig(program, finish);
  addMigrate(program);
  addDedupe(program, finish);
  addDemo(program, finish);
  return program;
}

function oneLine(text: string): string {
  return text
    .replace(/^error: /, '')
    .trim()
    .replace(/\s*\n\s*/g, ' ');
}
