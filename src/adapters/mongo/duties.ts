import type { Duties } from '../../ports/duties.js';
import { type Commands, commandsOn } from './collection.js';
import { isDuplicate } from './errors.js';
import { NOW } from './now.js';
import type { DatabaseConnectionPool } from './pool.js';

/** Collection `duties`. */
export interface DutyDocument {
  /** The duty's name. */
  readonly _id: string;
  /** Null: nobody's. */
  readonly holder: string | null;
  readonly until: number;
}

const FREE = { holder: null, until: 0 } as const;

/** `Duties` on MongoDB: one document for each, taken where it is free by the server's clock. */
export class MongoDuties implements Duties {
  readonly #run: Commands<DutyDocument>;
  /** Those whose document is known to be there: also the collection is made before it is asked for the first time. */
  readonly #places = new Set<string>();

  constructor(pool: DatabaseConnectionPool) {
    this.#run = commandsOn(pool, 'duties');
  }

  async hold(duty: string, holder: string, leaseMs: number): Promise<boolean> {
    if (!this.#places.has(duty)) await this.#makePlace(duty);
    const present = await this.#take(duty, holder, leaseMs);
    if (present === null) this.#places.delete(duty);
    return present?.holder === holder;
  }

  async giveUp(duty: string, holder: string): Promise<void> {
    await this.#run((duties) => duties.updateOne({ _id: duty, holder }, { $set: FREE }));
  }

  async held(): Promise<readonly { readonly duty: string; readonly holder: string; readonly until: number }[]> {
    // The filter of a find may not ask the server's clock; a projection may.
    const live = [{ $set: { live: { $gt: ['$until', NOW] } } }, { $match: { live: true } }, { $sort: { _id: 1 } }];
    const documents = await this.#run((duties) => duties.aggregate<DutyDocument>(live).toArray());
    return documents.flatMap(({ _id: duty, holder, until }) => (holder === null ? [] : [{ duty, holder, until }]));
  }

  /** By an insert, for the answer of an upsert is not to be relied upon where several make the same. */
  async #makePlace(duty: string): Promise<void> {
    await this.#run((duties) => duties.insertOne({ _id: duty, ...FREE })).catch((error: unknown) => {
      if (!isDuplicate(error)) throw error;
    });
    this.#places.add(duty);
  }

  /** The duty as it is afterwards, whoever has it; null where somebody removed it. */
  #take(duty: string, holder: string, leaseMs: number): Promise<DutyDocument | null> {
    const mine = { $or: [{ $eq: ['$holder', { $literal: holder }] }, { $lte: ['$until', NOW] }] };
    const taken = { _id: '$_id', holder: { $literal: holder }, until: { $add: [NOW, leaseMs] } };
    const update = [{ $replaceWith: { $cond: [mine, taken, '$$ROOT'] } }];
    return this.#run((duties) => duties.findOneAndUpdate({ _id: duty }, update, { returnDocument: 'after' }));
  }
}
