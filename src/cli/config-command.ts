import type { Command } from 'commander';
import { readEnvironment } from '../config/env-file.js';
import { type Finish, family, wantsJson } from './command.js';
import { configCheck } from './config-check.js';

const EXAMPLES = '\nExamples:\n  $ signalbox config check\n  $ signalbox config check --probe --json';

/** `signalbox config check`: the same as `npm run config:check`, for the directory and environment that it is called in. */
export function addConfig(program: Command, finish: Finish): void {
  family(program, 'config', 'the settings of a server', EXAMPLES)
    .command('check')
    .description('where every setting comes from, its value (secrets hidden) and whether it is right; needs no server')
    .option('--probe', 'also try what the settings point at: the data directory, the mail relay, the ports')
    .addHelpText('after', EXAMPLES)
    .action(async ({ probe }: { readonly probe?: true }, command: Command) => {
      const argv = [...(probe === true ? ['--probe'] : []), ...(wantsJson(command) ? ['--json'] : [])];
      const code = await configCheck(argv, readEnvironment(), (part) => process.stdout.write(part));
      // Settings that are wrong are a failure; the command line was understood.
      finish(code === 0 ? 0 : 1);
    });
}
