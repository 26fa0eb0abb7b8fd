import type { Retention } from '../../ports/retention.js';
import { rested } from './backlog.js';
import { type Commands, commandsOn } from './collection.js';
import { NOTIFICATIONS, type NotificationDocument } from './model.js';
import type { DatabaseConnectionPool } from './pool.js';
import type { ServerClock } from './server-clock.js';

/** `Retention` on MongoDB: a record's history is in its document and goes with it. */
export class MongoRetention implements Retention {
  readonly #run: Commands<NotificationDocument>;
  readonly #clock: ServerClock;

  constructor(pool: DatabaseConnectionPool, clock: ServerClock) {
    this.#run = commandsOn(pool, NOTIFICATIONS);
    this.#clock = clock;
  }

  async removeRested(olderThanMs: number, limit: number): Promise<number> {
    const old = rested({ $lt: (await this.#clock.read()) - olderThanMs });
    const options = { sort: { updatedAt: 1 }, limit, projection: { _id: 1 }, hint: 'rested' } as const;
    const found = await this.#run((records) => records.find(old, options).toArray());
    if (found.length === 0) return 0;
    // Asked again, since somebody may have written to one of them meanwhile.
    const _id = { $in: found.map((document) => document._id) };
    await this.#run((records) => records.deleteMany({ ...old, _id }));
    return found.length;
  }
}
