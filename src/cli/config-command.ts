import type { Command } from 'commander';
import { readEnvironment } from '../config/env-file.js';
import { type Finish, family, wantsJson } from './command.js';
import { configCheck } from './config-check.js';

const EXAMPLES = `
Examples:
  $ signalbox config check
  $ signalbox config check --probe --json

Exit code 0: all is well. 2: a setting is wrong, or what it points at does not answer.`;

/** `signalbox config check`: the same as `npm run config:check`, for the directory and environment that it is called in. */
export function addConfig(program: Command, finish: Finish): void {
  family(program, 'config', 'the settings of a server', EXAMPLES)
    .command('check')
    .description('where every setting comes from, its value (secrets hidden) and whether it is right; needs no server')
    .option('--probe', 'also try what the settings point at: the data directory, the mail relay, the ports')
    .addHelpText('after', EXAMPLES)
    .action(async ({ probe }: { readonly probe?: true }, command: Command) => {
      const argv = [...(probe === true ? ['--probe'] : []), ...(wantsJson(command) ? ['--json'] : [])];
      finish(await configCheck(argv, readEnvironment(), (part) => process.stdout.write(part)));
    });
}
