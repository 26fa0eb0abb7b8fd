import { randomUUID } from 'node:crypto';
import { SignalboxError } from '../../errors.js';
import type { Clock, Timer, Timers } from '../../ports/clock.js';
import { type Commands, commandsOn } from './collection.js';
import { MongoDuties } from './duties.js';
import { isDuplicate } from './errors.js';
import type { Index } from './indexes.js';
import { DatabaseConnectionPool } from './pool.js';
import { indexNames, REQUIRED_INDEXES, STEPS, type Step } from './steps.js';

/** A large index takes its time to build. */
const COMMAND_MS = 30 * 60_000;
/** Somebody who died over it stands in nobody's way for longer. */
const LEASE_MS = 60_000;
const DUTY = 'migrations';

/** Collection `migrations`: a document for each step that is applied. */
interface AppliedDocument {
  /** The step's number. */
  readonly _id: number;
  readonly name: string;
  readonly appliedAt: Date;
}

export interface StepState {
  readonly number: number;
  readonly name: string;
  /** ISO 8601; null: not applied. */
  readonly appliedAt: string | null;
}

/** What was done, or would be, for one step. */
export interface StepReport {
  readonly number: number;
  readonly name: string;
  readonly actions: readonly string[];
}

export interface MigrationsOptions {
  /** With credentials. */
  readonly uri: string;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Left out: those of this version. */
  readonly steps?: readonly Step[];
}

/** The steps by which a database comes to the shape that this version wants, and goes back. */
export class Migrations {
  readonly #pool: DatabaseConnectionPool;
  readonly #run: Commands<AppliedDocument>;
  readonly #timers: Timers;
  readonly #steps: readonly Step[];

  /** Rejects with `store-unavailable` when no server answers. */
  static async open(options: MigrationsOptions): Promise<Migrations> {
    const { uri, clock, timers } = options;
    const own = { appName: 'migrate', budget: 2, processes: 1, answerMs: COMMAND_MS, onConnection: () => {} };
    return new Migrations(await DatabaseConnectionPool.open({ uri, clock, timers, ...own }), timers, options.steps ?? STEPS);
  }

  private constructor(pool: DatabaseConnectionPool, timers: Timers, steps: readonly Step[]) {
    this.#pool = pool;
    this.#run = commandsOn(pool, DUTY);
    this.#timers = timers;
    this.#steps = [...steps].sort((a, b) => a.number - b.number);
  }

  /** Every step of this version, in order, and those that a newer version has applied. */
  async status(): Promise<readonly StepState[]> {
    const applied = await this.#applied();
    const known = this.#steps.map(({ number, name }) => ({
      number,
      name,
      appliedAt: applied.get(number)?.appliedAt.toISOString() ?? null,
    }));
    const newer = [...applied.values()].filter(({ _id }) => !this.#steps.some((step) => step.number === _id));
    return [...known, ...newer.map(({ _id, name, appliedAt }) => ({ number: _id, name, appliedAt: appliedAt.toISOString() }))];
  }

  /**
   * Applies what is not applied yet, in order. A step that was begun and not finished is done again as a whole, and so is one whose
   * indexes are gone: a database may have been restored without them.
   */
  up(dryRun = false): Promise<readonly StepReport[]> {
    return this.#alone(dryRun, async () => {
      const applied = await this.#applied();
      const missing = new Set(await missingIndexes(this.#pool));
      const bare = ({ indexes = [] }: Step): boolean => indexes.some((index) => missing.has(index));
      const wanted = this.#steps.filter((step) => !applied.has(step.number) || bare(step));
      for (const step of dryRun ? [] : wanted) {
        await this.#perform(step, 'up');
        const mark = { name: step.name, appliedAt: new Date() };
        await this.#run((migrations) => migrations.replaceOne({ _id: step.number }, mark, { upsert: true }));
      }
      return wanted.map((step) => reportOf(step, 'up'));
    });
  }

  /** Takes back the last step, or all down to (and without) step `to`. Refused where a newer version has applied one above. */
  down(to: number | null, dryRun = false): Promise<readonly StepReport[]> {
    return this.#alone(dryRun, async () => {
      const applied = [...(await this.#applied()).keys()].sort((a, b) => b - a);
      const wanted = applied.filter((number, index) => (to === null ? index === 0 : number > to));
      const steps = wanted.map((number) => this.#step(number));
      for (const step of dryRun ? [] : steps) {
        await this.#perform(step, 'down');
        await this.#run((migrations) => migrations.deleteOne({ _id: step.number }));
      }
      return steps.map((step) => reportOf(step, 'down'));
    });
  }

  /** Twice is fine. */
  close(): Promise<void> {
    return this.#pool.close();
  }

  #step(number: number): Step {
    const step = this.#steps.find((candidate) => candidate.number === number);
    if (step === undefined)
      throw new SignalboxError('conflict', `Step ${number} was applied by a newer version, which alone can take it back.`);
    return step;
  }

  async #applied(): Promise<ReadonlyMap<number, AppliedDocument>> {
    const documents = await this.#run((migrations) => migrations.find({}, { sort: { _id: 1 } }).toArray());
    return new Map(documents.map((document) => [document._id, document]));
  }

  async #perform(step: Step, way: 'up' | 'down'): Promise<void> {
    for (const { says, run } of step[way]) {
      try {
        await this.#pool.run((database) => run(database));
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        throw new SignalboxError('conflict', `Step ${step.number}: could not ${says}: the data has duplicates.`, { cause: error });
      }
    }
  }

  /** One at a time, by a lease that is renewed while the work goes on. Looking needs no lease. */
  async #alone<T>(dryRun: boolean, work: () => Promise<T>): Promise<T> {
    if (dryRun) return work();
    const duties = new MongoDuties(this.#pool);
    const holder = randomUUID();
    if (!(await duties.hold(DUTY, holder, LEASE_MS))) throw new SignalboxError('migration-under-way', 'Another migration is under way.');
    let timer: Timer | undefined;
    let done = false;
    const renewLater = (): void => {
      if (done) return;
      timer = this.#timers.after(LEASE_MS / 3, () => {
        // One that fails is made good by the next; a step may be done twice.
        duties.hold(DUTY, holder, LEASE_MS).then(renewLater, renewLater);
      });
    };
    renewLater();
    try {
      return await work();
    } finally {
      done = true;
      timer?.cancel();
      await duties.giveUp(DUTY, holder);
    }
  }
}

function reportOf(step: Step, way: 'up' | 'down'): StepReport {
  return { number: step.number, name: step.name, actions: step[way].map(({ says }) => says) };
}

/** Rejects with `store-refused` where an index is missing: without it a promise would not hold, or a query would read everything. */
export async function checkSchema(pool: DatabaseConnectionPool): Promise<void> {
  const missing = (await missingIndexes(pool)).map(({ collection, name }) => `${collection}.${name}`);
  if (missing.length === 0) return;
  const some = missing.length > 3 ? `${missing.slice(0, 3).join(', ')} and ${missing.length - 3} more` : missing.join(', ');
  throw new SignalboxError(
    'store-refused',
    `The database has not been prepared for this version (no index ${some}): run \`signalbox migrate up\`.`,
  );
}

/** Of those that the program needs. */
async function missingIndexes(pool: DatabaseConnectionPool): Promise<readonly Index[]> {
  const missing: Index[] = [];
  for (const collection of new Set(REQUIRED_INDEXES.map((index) => index.collection))) {
    const names = await pool.run((database) => indexNames(database, collection));
    missing.push(...REQUIRED_INDEXES.filter((index) => index.collection === collection && !names.has(index.name)));
  }
  return missing;
}
