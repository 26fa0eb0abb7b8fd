import { type ApiKey, KEY_KEPT_MS, type KeyDraft, type KeyList, type KeyStore, type LiveKey } from '../../ports/keys.js';
import { type Commands, commandsOn } from './collection.js';
import { isDuplicate } from './errors.js';
import { KEYS } from './model.js';
import { NOW } from './now.js';
import type { DatabaseConnectionPool } from './pool.js';
import type { ServerClock } from './server-clock.js';

/** Collection `api_keys`; `_id` is the key's id. */
interface KeyDocument extends Omit<ApiKey, 'id'> {
  readonly _id: string;
}

/** `KeyStore` on MongoDB: one document for each key. */
export class MongoKeys implements KeyStore {
  readonly #run: Commands<KeyDocument>;
  readonly #clock: ServerClock;

  constructor(pool: DatabaseConnectionPool, clock: ServerClock) {
    this.#run = commandsOn(pool, KEYS);
    this.#clock = clock;
  }

  async add({ id, livesMs, ...draft }: KeyDraft): Promise<ApiKey> {
    const createdAt = await this.#clock.now();
    const endsAt = livesMs === null ? null : createdAt + livesMs;
    const document = { ...draft, scopes: [...draft.scopes], _id: id, createdAt, endsAt, endedBy: null };
    await this.#run((keys) => keys.deleteMany({ tenant: draft.tenant, endsAt: { $lte: createdAt - KEY_KEPT_MS } }));
    await this.#run((keys) => keys.insertOne(document)).catch((error: unknown) => {
      // The reply to an earlier try was lost.
      if (!isDuplicate(error)) throw error;
    });
    return toKey((await this.#run((keys) => keys.findOne({ _id: id }))) ?? document);
  }

  async live(id: string): Promise<LiveKey | null> {
    // The filter of a find may not ask the server's clock; a projection may.
    const left = { $cond: [{ $eq: ['$endsAt', null] }, null, { $subtract: ['$endsAt', NOW] }] };
    const stages = [{ $match: { _id: id } }, { $set: { leftMs: left } }];
    const [found] = await this.#run((keys) => keys.aggregate<KeyDocument & { leftMs: number | null }>(stages).toArray());
    if (found === undefined) return null;
    const { leftMs, ...document } = found;
    return leftMs !== null && leftMs <= 0 ? null : { key: toKey(document), leftMs };
  }

  async list({ tenant, limit, after }: KeyList): Promise<readonly ApiKey[]> {
    const older =
      after === undefined ? {} : { $or: [{ createdAt: { $lt: after.createdAt } }, { createdAt: after.createdAt, _id: { $lt: after.id } }] };
    const documents = await this.#run((keys) =>
      keys
        .find({ tenant, ...older })
        .sort({ createdAt: -1, _id: -1 })
        .limit(limit)
        .toArray(),
    );
    return documents.map(toKey);
  }

  async end({ tenant, id }: { readonly tenant: string; readonly id: string }, inMs: number, by: string): Promise<ApiKey | null> {
    const then = { $add: [NOW, inMs] };
    // Only ever brought forward.
    const sooner = { $or: [{ $eq: ['$endsAt', null] }, { $gt: ['$endsAt', then] }] };
    const set = {
      endsAt: { $cond: [sooner, then, '$endsAt'] },
      endedBy: { $cond: [sooner, { $literal: by }, '$endedBy'] },
    };
    const found = await this.#run((keys) => keys.findOneAndUpdate({ _id: id, tenant }, [{ $set: set }], { returnDocument: 'after' }));
    return found === null ? null : toKey(found);
  }
}

function toKey({ _id: id, tenant, name, scopes, digest, createdBy, replaces, createdAt, endsAt, endedBy }: KeyDocument): ApiKey {
  return { id, tenant, name, scopes, digest, createdBy, replaces, createdAt, endsAt, endedBy };
}
