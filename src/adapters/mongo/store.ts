import type { RecordEvent, RecordKey, WorkRecord } from '../../ports/record.js';
import type {
  AcceptResult,
  Amendment,
  AmendResult,
  Change,
  ClaimRequest,
  ClaimResult,
  CommitResult,
  Draft,
  LeaseRef,
  RecordStore,
} from '../../ports/store.js';
import { acceptBatch } from './accept.js';
import { amendRecord, requestCancelOf } from './amend.js';
import { NEXT_VERSION } from './change-update.js';
import { claimBatch } from './claim.js';
import { type Commit, commitBatch } from './commit.js';
import { Gather } from './gather.js';
import { documentId, type Notifications } from './model.js';
import { NOW } from './now.js';
import type { ServerClock } from './server-clock.js';

/** While one batch is read back, the next is written. */
const LANES = 2;
/** Records of one batch: beyond this a batch saves little, and those in it wait for each other. */
const BATCH = 100;

/** `RecordStore` on MongoDB: each write is one conditional update of one document, many of them to a command. */
export class MongoStore implements RecordStore {
  readonly #run: Notifications;
  readonly #clock: ServerClock;
  readonly #accepts: Gather<Draft, AcceptResult>;
  readonly #commits: Gather<Commit, CommitResult>;

  constructor(run: Notifications, clock: ServerClock) {
    this.#run = run;
    this.#clock = clock;
    this.#accepts = new Gather(BATCH, (drafts) => acceptBatch(run, clock, drafts), LANES);
    this.#commits = new Gather(BATCH, (commits) => commitBatch(run, commits), LANES);
  }

  accept(drafts: readonly Draft[]): Promise<readonly AcceptResult[]> {
    return Promise.all(drafts.map((draft) => this.#accepts.add(draft)));
  }

  claim(request: ClaimRequest): Promise<ClaimResult> {
    return claimBatch(this.#run, this.#clock, request);
  }

  async renew(leases: readonly LeaseRef[], leaseMs: number): Promise<readonly LeaseRef[]> {
    if (leases.length === 0) return [];
    const renewed = [{ $set: { lockedUntil: { $add: [NOW, leaseMs] }, updatedAt: NOW, version: NEXT_VERSION } }];
    const operations = byHolder(leases).map(({ ids, worker, token }) => ({
      updateMany: { filter: { _id: { $in: ids }, lockToken: token, lockedBy: worker }, update: renewed },
    }));
    await this.#run((notifications) => notifications.bulkWrite(operations, { ordered: false }));
    const ids = leases.map(documentId);
    const found = await this.#run((notifications) =>
      notifications.find({ _id: { $in: ids } }, { projection: { lockToken: 1, lockedBy: 1 }, batchSize: ids.length + 1 }).toArray(),
    );
    // A token never comes back: whose it is now, it was at the renewal.
    const holders = new Map(found.map(({ _id, lockToken, lockedBy }) => [_id, { lockToken, lockedBy }]));
    return leases.filter((lease) => {
      const holder = holders.get(documentId(lease));
      return holder?.lockToken === lease.token && holder.lockedBy === lease.worker;
    });
  }

  commit(lease: LeaseRef, change: Change): Promise<CommitResult> {
    return this.#commits.add({ lease, change });
  }

  amend(key: RecordKey, amendment: Amendment): Promise<AmendResult> {
    return amendRecord(this.#run, this.#clock, key, amendment);
  }

  requestCancel(key: RecordKey, event: RecordEvent): Promise<WorkRecord | null> {
    return requestCancelOf(this.#run, key, event);
  }
}

/** Most leases of a worker are first claims and share a token: one update then renews them all. */
function byHolder(leases: readonly LeaseRef[]): readonly { readonly ids: string[]; readonly worker: string; readonly token: number }[] {
  const groups = new Map<string, { ids: string[]; worker: string; token: number }>();
  for (const lease of leases) {
    const { worker, token } = lease;
    const name = `${token} ${worker}`;
    const group = groups.get(name) ?? { ids: [], worker, token };
    group.ids.push(documentId(lease));
    groups.set(name, group);
  }
  return [...groups.values()];
}
