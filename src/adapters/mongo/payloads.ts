import type { PayloadStore } from '../../ports/payloads.js';
import { type Commands, commandsOn } from './collection.js';
import { isDuplicate } from './errors.js';
import type { DatabaseConnectionPool } from './pool.js';

/** Collection `payloads`; `_id` is the payload's name. */
interface PayloadDocument {
  readonly _id: string;
  readonly content: string;
}

/** `PayloadStore` on MongoDB: one document for each. */
export class MongoPayloads implements PayloadStore {
  readonly #run: Commands<PayloadDocument>;

  constructor(pool: DatabaseConnectionPool) {
    this.#run = commandsOn(pool, 'payloads');
  }

  async put(name: string, content: string): Promise<void> {
    await this.#run((payloads) => payloads.insertOne({ _id: name, content })).catch((error: unknown) => {
      if (!isDuplicate(error)) throw error;
    });
  }

  async get(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = await this.#run((payloads) => payloads.find({ _id: { $in: [...names] } }).toArray());
    return new Map(found.map(({ _id, content }) => [_id, content]));
  }

  async remove(names: readonly string[]): Promise<void> {
    await this.#run((payloads) => payloads.deleteMany({ _id: { $in: [...names] } }));
  }
}
