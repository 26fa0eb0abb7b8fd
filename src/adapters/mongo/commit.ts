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
    const { refused, after } = await write(run, left);
    const alone = left.length === 1;
    for (const commit of left) {
      const verdict = judge(commit, after.get(documentId(commit.lease)), refused && alone);
      if (verdict !== undefined) verdicts.set(commit, verdict);
    }
    left = left.filter((commit) => !verdicts.has(commit));
    // Of several one was refused, and another may only have given way: which is which shows when each is written by itself.
    if (!refused || alone) continue;
    for (const commit of left) verdicts.set(commit, (await commitBatch(run, [commit]))[0] as Verdict);
    left = [];
  }
  return commits.map((commit) => verdicts.get(commit) ?? unavailable('MongoDB could not write a commit.'));
}

/** What is there after a write. `refused`: a unique index refused some of them; the others are written. */
interface Written {
  readonly refused: boolean;
  readonly after: ReadonlyMap<string, After>;
}

async function write(run: Notifications, commits: readonly Commit[]): Promise<Written> {
  const [only] = commits;
  try {
    if (commits.length === 1 && only !== undefined) {
      const found = await writeOne(run, only);
      if (found !== null) return { refused: false, after: new Map([[found._id, found]]) };
    } else {
      const operations = commits.map((commit) => ({ updateOne: updateOf(commit) }));
      await run((notifications) => notifications.bulkWrite(operations, { ordered: false }));
    }
    return { refused: false, after: await read(run, commits) };
  } catch (error) {
    if (isDuplicate(error)) return { refused: true, after: await read(run, commits) };
    throw error;
  }
}

/** One by itself is written and read back by one command. Null: it was not written. */
function writeOne(run: Notifications, commit: Commit): Promise<After | null> {
  const { filter, update } = updateOf(commit);
  return run((notifications) => notifications.findOneAndUpdate(filter, update, { returnDocument: 'after', projection: AFTER_FIELDS }));
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
function updateOf({ lease, change }: Commit) {
  const { worker, token } = lease;
  const { seq, release } = change;
  const delivered = deliveredBy(change);
  return {
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
