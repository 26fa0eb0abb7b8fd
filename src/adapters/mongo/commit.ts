import type { mongo } from 'mongoose';
import { SignalboxError } from '../../errors.js';
import type { Change, CommitResult, LeaseRef } from '../../ports/store.js';
import { changeFields, deliveredBy, FREE, NEXT_VERSION } from './change-update.js';
import { isDuplicate, unavailable } from './errors.js';
import { documentId, type NotificationDocument, type Notifications } from './model.js';

/** Rounds for those whose write gave way to another's. */
const ROUNDS = 3;

/** A change and the lease under which it is made. */
export interface Commit {
  readonly lease: LeaseRef;
  readonly change: Change;
}

const AFTER_FIELDS = { _id: 1, lockToken: 1, lockedBy: 1, lastSeq: 1, commits: 1, cancelRequestedAt: 1, deliveredOps: 1 } as const;

type After = Pick<NotificationDocument, keyof typeof AFTER_FIELDS>;
type Verdict = CommitResult | SignalboxError;

/** Writes each change if its token is the record's, and reads back what came of all of them. */
export async function commitBatch(run: Notifications, commits: readonly Commit[]): Promise<readonly Verdict[]> {
  const verdicts = new Map<Commit, Verdict>();
  let left = commits;
  for (let round = 0; round < ROUNDS && left.length > 0; round += 1) {
    const refused = await write(run, left);
    const after = await read(run, left);
    for (const commit of left) {
      const verdict = judge(commit, after.get(documentId(commit.lease)), refused);
      if (verdict !== undefined) verdicts.set(commit, verdict);
    }
    left = left.filter((commit) => !verdicts.has(commit));
  }
  return commits.map((commit) => verdicts.get(commit) ?? unavailable('MongoDB could not write a commit.'));
}

/** True when a unique index refused some of them; the others are written. */
async function write(run: Notifications, commits: readonly Commit[]): Promise<boolean> {
  const operations = commits.map(operationOf);
  try {
    await run((notifications) => notifications.bulkWrite(operations, { ordered: false }));
    return false;
  } catch (error) {
    if (isDuplicate(error)) return true;
    throw error;
  }
}

async function read(run: Notifications, commits: readonly Commit[]): Promise<ReadonlyMap<string, After>> {
  const ids = [...new Set(commits.map(({ lease }) => documentId(lease)))];
  const found = await run((notifications) =>
    notifications.find<After>({ _id: { $in: ids } }, { projection: AFTER_FIELDS, batchSize: ids.length + 1 }).toArray(),
  );
  return new Map(found.map((document) => [document._id, document]));
}

/**
 * The filter is the fence. `lastSeq` keeps a repetition, and one that was given up and comes after its successor, from
 * being written; `deliveredOps` a second delivery within the record, which a unique index cannot see.
 */
function operationOf({ lease, change }: Commit): mongo.AnyBulkWriteOperation<NotificationDocument> {
  const { worker, token } = lease;
  const { seq, release } = change;
  const delivered = deliveredBy(change);
  return {
    updateOne: {
      filter: {
        _id: documentId(lease),
        lockToken: token,
        lockedBy: worker,
        lastSeq: { $lt: seq },
        ...(delivered.length === 0 ? {} : { deliveredOps: { $nin: [...delivered] } }),
      },
      update: [
        {
          $set: {
            ...changeFields(change),
            barrenClaims: 0,
            lastSeq: seq,
            commits: { $concatArrays: ['$commits', [{ token, seq, version: NEXT_VERSION }]] },
            ...(release ? FREE : {}),
          },
        },
      ],
    },
  };
}

/** Undefined: it should have been written and was not, so it is to be tried again. */
function judge({ lease, change }: Commit, after: After | undefined, refused: boolean): Verdict | undefined {
  if (after === undefined) return { applied: false };
  const { worker, token } = lease;
  const earlier = after.commits.find((commit) => commit.token === token && commit.seq === change.seq);
  if (earlier !== undefined) return { applied: true, version: earlier.version, cancelRequestedAt: after.cancelRequestedAt };
  if (after.lockToken !== token || after.lockedBy !== worker || after.lastSeq >= change.seq) return { applied: false };
  const delivered = deliveredBy(change);
  if (delivered.length === 0) return undefined;
  const known = delivered.find((operation) => after.deliveredOps?.includes(operation)) ?? (refused ? delivered[0] : undefined);
  return known === undefined ? undefined : new SignalboxError('conflict', `Operation ${known} is delivered already.`);
}
