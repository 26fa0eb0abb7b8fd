import { type Command, InvalidArgumentError } from 'commander';
import type { Migrations, StepReport, StepState } from '../adapters/mongo/migrations.js';
import { family, print, printJson, wantsJson } from './command.js';
import { storePlace } from './store-place.js';

const EXAMPLES = `
Examples:
  $ signalbox migrate status
  $ signalbox migrate up --dry-run
  $ signalbox migrate up
  $ signalbox migrate down --to 1

The database is that of DIRECT_DATABASE_URL, else of MONGODB_URI (environment or .env). No step loses a record, in either direction.`;

const EMBEDDED = 'The embedded store is brought up to date when the server starts; there is nothing to do.';

interface Flags {
  readonly dryRun?: boolean;
  readonly to?: number;
}

/** `signalbox migrate`: opens the store itself, since no server runs yet when it is needed. */
export function addMigrate(program: Command): void {
  const migrate = family(program, 'migrate', 'the indexes and shapes of the database, in steps that can be taken back', EXAMPLES);
  migrate
    .command('status')
    .description('which steps are applied')
    .addHelpText('after', EXAMPLES)
    .action((_flags: Flags, command: Command) =>
      perform(command, async (migrations) => tell(command, await migrations.status(), statusLine)),
    );
  migrate
    .command('up')
    .description('apply every step that is not applied yet')
    .option('--dry-run', 'only say what would be done')
    .addHelpText('after', EXAMPLES)
    .action(({ dryRun = false }: Flags, command: Command) =>
      perform(command, async (migrations) => report(command, await migrations.up(dryRun), dryRun)),
    );
  migrate
    .command('down')
    .description('take the last step back, or all above a number')
    .option('--to <number>', 'the step that is to be the last one applied; 0: none', stepNumber)
    .option('--dry-run', 'only say what would be done')
    .addHelpText('after', EXAMPLES)
    .action(({ dryRun = false, to }: Flags, command: Command) =>
      perform(command, async (migrations) => report(command, await migrations.down(to ?? null, dryRun), dryRun)),
    );
}

function stepNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be the number of a step, or 0.');
  return Number(text);
}

async function perform(command: Command, work: (migrations: Migrations) => Promise<void>): Promise<void> {
  const { mongodb: uri } = storePlace();
  if (uri === null) {
    if (wantsJson(command)) printJson([]);
    else print(EMBEDDED);
    return;
  }
  // Loaded only here: every other command is quicker without a database's library.
  const [{ Migrations }, { createSystemClock }, { createSystemTimers }] = await Promise.all([
    import('../adapters/mongo/migrations.js'),
    import('../adapters/system/system-clock.js'),
    import('../adapters/system/system-timers.js'),
  ]);
  const migrations = await Migrations.open({ uri, clock: createSystemClock(), timers: createSystemTimers() });
  try {
    await work(migrations);
  } finally {
    await migrations.close();
  }
}

function tell<T>(command: Command, values: readonly T[], line: (value: T) => string): void {
  if (wantsJson(command)) printJson(values);
  else for (const value of values) print(line(value));
}

function report(command: Command, steps: readonly StepReport[], dryRun: boolean): void {
  if (!wantsJson(command) && steps.length === 0) print('There is nothing to do.');
  tell(command, steps, ({ number, name, actions }) => [`${dryRun ? 'would do' : 'done'}: ${number} ${name}`, ...actions].join('\n  '));
}

function statusLine({ number, name, appliedAt }: StepState): string {
  return `${number}  ${appliedAt ?? 'not applied'}  ${name}`;
}
