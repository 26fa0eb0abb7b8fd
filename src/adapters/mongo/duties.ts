import type { Duties } from '../../ports/duties.js';
import { type Commands, commandsOn } from './collection.js';
import { isDuplicate } from './errors.js';
import { NOW } from './now.js';
import type { DatabaseConnectionPool } from './pool.js';

/** Collection `duties`. */
export interface DutyDocument {
  /** The duty's name. */
  readonly _id: string;
  /** Null: nobody has had it yet. */
  readonly holder: string | null;
  readonly until: number;
}

/** `Duties` on MongoDB: one document for each, taken where it is free by the server's clock. */
export class MongoDuties implements Duties {
  readonly #run: Commands<DutyDocument>;

  constructor(pool: DatabaseConnectionPool) {
    this.#run = commandsOn(pool, 'duties');
  }

  async hold(duty: string, holder: string, leaseMs: number): Promise<boolean> {
    let now = await this.#take(duty, holder, leaseMs);
    if (now === null) {
      const free = { _id: duty, holder: null, until: 0 };
      await this.#run((duties) => duties.insertOne(free)).catch((error: unknown) => {
        if (!isDuplicate(error)) throw error;
      });
      now = await this.#take(duty, holder, leaseMs);
    }
    return now?.holder === holder;
  }

  async giveUp(duty: string, holder: string): Promise<void> {
    await this.#run((duties) => duties.deleteOne({ _id: duty, holder }));
  }

  async held(): Promise<readonly { readonly duty: string; readonly holder: string; readonly until: number }[]> {
    // The filter of a find may not ask the server's clock; a projection may.
    const live = [{ $set: { live: { $gt: ['$until', NOW] } } }, { $match: { live: true } }, { $sort: { _id: 1 } }];
    const documents = await this.#run((duties) => duties.aggregate<DutyDocument>(live).toArray());
    return documents.flatMap(({ _id: duty, holder, until }) => (holder === null ? [] : [{ duty, holder, until }]));
  }

  /** The duty as it is afterwards, whoever has it; null where nobody has ever had it. */
  #take(duty: string, holder: string, leaseMs: number): Promise<DutyDocument | null> {
    const mine = { $or: [{ $eq: ['$holder', { $literal: holder }] }, { $lte: ['$until', NOW] }] };
    const taken = { _id: '$_id', holder: { $literal: holder }, until: { $add: [NOW, leaseMs] } };
    const update = [{ $replaceWith: { $cond: [mine, taken, '$$ROOT'] } }];
    return this.#run((duties) => duties.findOneAndUpdate({ _id: duty }, update, { returnDocument: 'after' }));
  }
}
