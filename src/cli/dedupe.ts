import type { Command } from 'commander';
import type { Census, CopySet, MessageCopies } from '../ports/copies.js';
import { CliError } from './cli-error.js';
import { type Finish, print, remark, wantsJson } from './command.js';
import { agrees, demandYes } from './confirm.js';
import { withBar } from './progress.js';
import { storePlace } from './store-place.js';

const HELP = `
Two rows are copies where they have the same idempotencyKey. A unique index keeps them out; only a store that was imported, or
restored without its indexes, can hold any. The row that was accepted first stays (of those, the one stored first, then by its place
in the conversation); receipts of the others go to it. Rows without a key are counted and never touched.

It opens the store itself: MongoDB by DIRECT_DATABASE_URL or MONGODB_URI (environment or .env), else the data file in DATA_DIR, which
no server may have open. Only ids are printed, of the first 100 messages with copies; with --json a line for each of them, and one with
the sums at the end.

Examples:
  $ signalbox dedupe
  $ signalbox dedupe --apply
  $ signalbox dedupe --apply --yes --json > removed.ndjson

Exit codes: 0 there are no copies, or they were removed; 1 there are copies, or it failed; 2 the command line was not understood.`;

/** Copies that are removed by one call. */
const BATCH = 500;
/** Messages with copies that a person is shown. */
const SHOWN = 100;

interface Flags {
  readonly dryRun?: true;
  readonly apply?: true;
  readonly yes?: true;
}

interface Sums {
  readonly sets: number;
  readonly copies: number;
  readonly removed: number;
}

/** What happens to what is found: nothing, or it goes. */
type Act = (sets: readonly CopySet[]) => Promise<number>;

const NOTHING: Act = () => Promise.resolve(0);

/** `signalbox dedupe`: opens the store itself, since no server starts on one that lacks the index. */
export function addDedupe(program: Command, finish: Finish): void {
  program
    .command('dedupe')
    .description('messages that are stored more than once: what would stay and what would go')
    .option('--dry-run', 'only say what would be done (so it is without --apply)')
    .option('--apply', 'remove the copies')
    .option('--yes', 'do not ask')
    .addHelpText('after', HELP)
    .action(async (flags: Flags, command: Command) => {
      if (flags.dryRun === true && flags.apply === true) throw new CliError('--dry-run and --apply: give one of them', 2);
      if (flags.apply === true) demandYes(flags.yes === true, 'removing copies');
      const copies = await open();
      try {
        finish(await dedupe(copies, flags, wantsJson(command)));
      } finally {
        await copies.close();
      }
    });
}

async function dedupe(copies: MessageCopies, flags: Flags, json: boolean): Promise<0 | 1> {
  const census = await copies.census();
  const apply = flags.apply === true;
  if (!json) print(censusText(census));
  else if (apply) remark(guardText(census));
  const asks = apply && flags.yes !== true;
  const act: Act = apply && !asks ? (sets) => copies.remove(sets) : NOTHING;
  const first = new Told(json);
  let sums = await audit(copies, census, act, first);
  first.end();
  if (asks && sums.copies > 0) {
    if (!(await agrees(`remove ${counted(sums.copies, 'row')}?`))) throw new CliError('nothing was done');
    // What was found is not kept: it may be more than memory holds, and is found again the same.
    sums = await audit(copies, census, (sets) => copies.remove(sets), null);
  }
  if (json) print(JSON.stringify({ dryRun: !apply, ...census, ...sums }));
  else print(sumsText(sums, census, apply));
  return apply || sums.copies === 0 ? 0 : 1;
}

/** Tells a program of each as it is found, and a person of the first ones once all is read: a bar is on the screen until then. */
class Told {
  readonly json: boolean;
  readonly #lines: string[] = [];
  #more = 0;

  constructor(json: boolean) {
    this.json = json;
  }

  add(set: CopySet): void {
    if (this.json) print(JSON.stringify(set));
    else if (this.#lines.length < SHOWN) this.#lines.push(`keep ${set.keep}  remove ${set.remove.join(' ')}`);
    else this.#more += 1;
  }

  end(): void {
    for (const line of this.#lines) print(line);
    if (this.#more > 0) print(`… and ${this.#more} more: --json names all`);
  }
}

/** Reads all, tells of each message with copies, and acts on them in batches. */
async function audit(copies: MessageCopies, census: Census, act: Act, told: Told | null): Promise<Sums> {
  const sums = { sets: 0, copies: 0, removed: 0 };
  let batch: CopySet[] = [];
  let waiting = 0;
  await withBar('messages', census.messages - census.withoutKey, told?.json === true, async (step) => {
    for await (const set of copies.sets(step)) {
      sums.sets += 1;
      sums.copies += set.remove.length;
      told?.add(set);
      batch.push(set);
      waiting += set.remove.length;
      if (waiting < BATCH) continue;
      sums.removed += await act(batch);
      batch = [];
      waiting = 0;
    }
    sums.removed += await act(batch);
  });
  return sums;
}

function guardText({ guarded }: Census): string {
  return guarded ? 'the unique index is there' : 'the unique index is missing: signalbox migrate up makes it, once there are no copies';
}

function censusText(census: Census): string {
  const { messages, withoutKey } = census;
  const without = withoutKey === 0 ? '' : `, ${withoutKey} of them without a key (left alone)`;
  return `${counted(messages, 'message')}${without}; ${guardText(census)}`;
}

function sumsText({ sets, copies, removed }: Sums, { guarded, withoutKey }: Census, apply: boolean): string {
  const found = `${counted(sets, 'message')} with copies`;
  const lines = [apply ? `${found}: ${counted(removed, 'row')} removed` : `${found}: ${counted(copies, 'row')} would be removed`];
  if (!apply && copies > 0) lines.push('signalbox dedupe --apply removes them');
  // A unique index takes what is missing for a value like any other.
  if (!guarded && withoutKey > 1)
    lines.push(`the unique index cannot be made while ${withoutKey} rows have no key: see docs/troubleshooting.md`);
  else if (!guarded && (apply || copies === 0)) lines.push('now make the unique index: signalbox migrate up');
  return lines.join('\n');
}

function counted(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/** Loaded only here: every other command is quicker without a store's library. */
async function open(): Promise<MessageCopies> {
  const { mongodb: uri, dataDir } = storePlace();
  if (uri === null) {
    const { EmbeddedCopies } = await import('../adapters/embedded/copies.js');
    return EmbeddedCopies.open(dataDir);
  }
  const [{ MongoCopies }, { createSystemClock }, { createSystemTimers }] = await Promise.all([
    import('../adapters/mongo/copies.js'),
    import('../adapters/system/system-clock.js'),
    import('../adapters/system/system-timers.js'),
  ]);
  return MongoCopies.open({ uri, clock: createSystemClock(), timers: createSystemTimers() });
}
