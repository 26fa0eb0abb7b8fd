import { type Command, Option } from 'commander';
import type { Query } from './api-client.js';
import { CliError } from './cli-error.js';
import { instant } from './command.js';

/** Which of those that wait for a person; every field given must match. */
export interface DeskFilter extends Query {
  readonly workload?: string;
  readonly channel?: string;
  readonly fingerprint?: string;
  readonly code?: string;
  readonly userId?: string;
  readonly since?: string;
  readonly until?: string;
}

export interface FilterOptions {
  readonly workload?: string;
  readonly channel?: string;
  readonly fingerprint?: string;
  readonly code?: string;
  readonly user?: string;
  readonly since?: string;
  readonly until?: string;
}

/** What a command may be about: one by its id, those of a filter, or every one. */
export interface ChoiceOptions extends FilterOptions {
  readonly all?: true;
}

/** Adds the flags that say which. Held deliveries have no fingerprint. */
export function withFilter(command: Command, of: 'dead' | 'held'): Command {
  if (of === 'dead') command.option('--fingerprint <hash>', 'of this cause (see group)');
  return command
    .option('--channel <name>', 'of this channel')
    .option('--code <code>', 'with this error, e.g. http_503')
    .option('--user <id>', 'of this user')
    .addOption(new Option('--since <time>', 'not before: ISO 8601, or an age such as 1h').argParser(instant))
    .addOption(new Option('--until <time>', 'before: ISO 8601, or an age such as 15m').argParser(instant))
    .option('--workload <name>', 'of this workload');
}

export function filterOf({ workload, channel, fingerprint, code, user, since, until }: FilterOptions): DeskFilter {
  const given = { workload, channel, fingerprint, code, userId: user, since, until };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** The filter of a bulk command, or null where one id is named. @throws CliError (2) where it is unclear which are meant */
export function chosen(id: string | undefined, options: ChoiceOptions): DeskFilter | null {
  const filter = filterOf(options);
  const filtered = Object.keys(filter).length > 0;
  if (id !== undefined) {
    if (filtered || options.all === true) throw new CliError('name an id, or say which by flags, not both', 2);
    return null;
  }
  if (options.all === true && filtered) throw new CliError('--all means every one: leave it out, or the other flags', 2);
  if (options.all !== true && !filtered) throw new CliError('say which: an id, flags such as --fingerprint, or --all', 2);
  return filter;
}
