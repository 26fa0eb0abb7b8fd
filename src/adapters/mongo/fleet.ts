import { type Fleet, type FleetMember, LOST_FOR_MS, type SeenMember } from '../../ports/fleet.js';
import { type Commands, commandsOn } from './collection.js';
import { isDuplicate } from './errors.js';
import { NOW } from './now.js';
import type { DatabaseConnectionPool } from './pool.js';

/** How long one that fell silent stays in the collection: long enough to be looked at after a bad night. */
const FORGOTTEN_AFTER_MS = 24 * 60 * 60 * 1000;

/** Collection `fleet`. */
export interface MemberDocument extends SeenMember {
  /** The worker id. */
  readonly _id: string;
  /** When the server removes it by itself. */
  readonly forgetAt?: Date;
}

/** `Fleet` on MongoDB: one document for each worker id. */
export class MongoFleet implements Fleet {
  readonly #run: Commands<MemberDocument>;

  constructor(pool: DatabaseConnectionPool) {
    this.#run = commandsOn(pool, 'fleet');
  }

  async beat(member: FleetMember, livesMs: number): Promise<'ok' | 'taken'> {
    let present = await this.#write(member, livesMs);
    if (present === null) {
      const place = { ...fieldsOf(member), _id: member.workerId, seenAt: 0, livesUntil: 0 };
      await this.#run((fleet) => fleet.insertOne(place)).catch((error: unknown) => {
        if (!isDuplicate(error)) throw error;
      });
      present = await this.#write(member, livesMs);
    }
    return present?.incarnation === member.incarnation ? 'ok' : 'taken';
  }

  members(): Promise<readonly SeenMember[]> {
    return this.#those({ $gt: ['$livesUntil', NOW] });
  }

  /** Whoever leaves in order takes its document along; zero is the place of one that has not lived yet. */
  lost(): Promise<readonly SeenMember[]> {
    return this.#those({ $and: [{ $lte: ['$livesUntil', NOW] }, { $gt: ['$livesUntil', { $subtract: [NOW, LOST_FOR_MS] }] }] });
  }

  async #those(such: object): Promise<readonly SeenMember[]> {
    const chosen = [{ $set: { such } }, { $match: { such: true } }, { $sort: { _id: 1 } }];
    const documents = await this.#run((fleet) => fleet.aggregate<MemberDocument>(chosen).toArray());
    return documents.map((document) => ({
      ...fieldsOf(document),
      seenAt: document.seenAt,
      livesUntil: document.livesUntil,
    }));
  }

  async leave(workerId: string, incarnation: string): Promise<void> {
    await this.#run((fleet) => fleet.deleteOne({ _id: workerId, incarnation }));
  }

  /** The member as it is afterwards, whoever it is; null where there is no place for it yet. */
  #write(member: FleetMember, livesMs: number): Promise<MemberDocument | null> {
    const free = { $or: [{ $eq: ['$incarnation', { $literal: member.incarnation }] }, { $lte: ['$livesUntil', NOW] }] };
    const times = {
      seenAt: NOW,
      livesUntil: { $add: [NOW, livesMs] },
      forgetAt: { $add: ['$$NOW', livesMs + FORGOTTEN_AFTER_MS] },
    };
    const beaten = { $mergeObjects: [{ _id: '$_id' }, { $literal: fieldsOf(member) }, times] };
    const update = [{ $replaceWith: { $cond: [free, beaten, '$$ROOT'] } }];
    return this.#run((fleet) => fleet.findOneAndUpdate({ _id: member.workerId }, update, { returnDocument: 'after' }));
  }
}

/** What the member says of itself, and nothing else. */
function fieldsOf(member: FleetMember): FleetMember {
  const { workerId, incarnation, roles, host, pid, version, port, startedAt, state, holds, processed, failed, connections } = member;
  return { workerId, incarnation, roles, host, pid, version, port, startedAt, state, holds, processed, failed, connections };
}
