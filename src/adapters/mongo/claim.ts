import type { WorkRecord } from '../../ports/record.js';
import { type ClaimRequest, type ClaimResult, type Refusal, SUSPECT_AFTER } from '../../ports/store.js';
import { COMMITS_OF_TOKEN, type Expression, IS_LEASED, literal, NEXT_VERSION } from './change-update.js';
import { documentId, type NotificationDocument, type Notifications, RECORD_FIELDS, type RecordDocument, toRecord } from './model.js';
import { NOW } from './now.js';
import type { ServerClock } from './server-clock.js';

const ROOM_MS = 1000;

type Held = RecordDocument & Pick<NotificationDocument, 'claimId'>;
type Claimed = Held & { readonly readAt: number };
type Filter = ReturnType<typeof claimFilter>;
type Document = Readonly<Record<string, unknown>>;

/**
 * Leases what is claimable among the records named, each by its own comparison on the server, and reads all of them back:
 * those that bear the claim's id are ours.
 */
export async function claimBatch(run: Notifications, clock: ServerClock, request: ClaimRequest): Promise<ClaimResult> {
  // In one order for all workers: two that claim the same records then wait for each other less often.
  const ids = [...new Set(request.keys.map(documentId))].sort();
  if (ids.length === 0) return { claimed: [], refused: [], now: await clock.now() };
  const before = await clock.now();
  const filter = claimFilter(ids, before);
  const update = [{ $replaceWith: claimUpdate(request) }];
  if (ids.length === 1) {
    const claimed = await claimOne(run, filter, update);
    // Leased just now, and not by an earlier claim of this id, whose lease may be over.
    const at = claimed?.lockedAt ?? 0;
    if (claimed !== null && at >= before && isHeld(claimed, request, at)) return { claimed: [toRecord(claimed)], refused: [], now: at };
  } else {
    await run((notifications) => notifications.updateMany(filter, update));
  }
  // With the server's time of this very reading: what is said to be not due yet must be so by its clock.
  const fields = { ...RECORD_FIELDS, claimId: 1, readAt: NOW } as const;
  const found = await run((notifications) =>
    notifications.aggregate<Claimed>([{ $match: { _id: { $in: ids } } }, { $project: fields }], { batchSize: ids.length + 1 }).toArray(),
  );
  return judge(request, new Map(found.map((document) => [document._id, document])), found[0]?.readAt ?? (await clock.now()));
}

/** One by itself is claimed and read back by one command. Null, or another's: why is to be read. */
function claimOne(run: Notifications, filter: Filter, update: readonly Document[]): Promise<Held | null> {
  const projection = { ...RECORD_FIELDS, claimId: 1 } as const;
  return run((notifications) => notifications.findOneAndUpdate(filter, [...update], { returnDocument: 'after', projection }));
}

/**
 * Leaves out what is at rest or surely leased, so that the server need not write it as it is. By our reading of its clock,
 * with room for its being old: a lease that is wrongly thought to hold is asked for again soon. Whether a record is due
 * only the server's clock says: what is thought to be not due is not asked for again.
 */
export function claimFilter(ids: readonly string[], now: number) {
  const soon = now + ROOM_MS;
  return { _id: { $in: [...ids] }, dueAt: { $gt: 0 }, $or: [{ lockedUntil: null }, { lockedUntil: { $lte: soon } }] };
}

/** The whole document as it is to be: $$NOW is known in an expression, and in no filter. */
function claimUpdate({ claimId, worker, leaseMs, alone }: ClaimRequest): Expression {
  const claimable = [
    { $lte: ['$dueAt', NOW] },
    { $not: [IS_LEASED] },
    // A claim that comes again takes nothing again.
    { $ne: ['$claimId', literal(claimId)] },
    ...(alone ? [] : [{ $lt: ['$barrenClaims', SUSPECT_AFTER] }]),
  ];
  const leased = {
    lockedBy: literal(worker),
    lockedAt: NOW,
    lockedUntil: { $add: [NOW, leaseMs] },
    lockToken: { $add: ['$lockToken', 1] },
    claims: { $add: ['$claims', 1] },
    barrenClaims: { $add: ['$barrenClaims', 1] },
    claimId: literal(claimId),
    lastSeq: 0,
    commits: COMMITS_OF_TOKEN,
    publish: 'pending',
    publishedAt: null,
    updatedAt: NOW,
    version: NEXT_VERSION,
  };
  return { $cond: [{ $and: claimable }, { $mergeObjects: ['$$ROOT', leased] }, '$$ROOT'] };
}

/** @param read the server's time after the claim */
function judge(request: ClaimRequest, documents: ReadonlyMap<string, Claimed>, read: number): ClaimResult {
  const claimed: WorkRecord[] = [];
  const refused: Refusal[] = [];
  const seen = new Set<string>();
  for (const { tenant, id } of request.keys) {
    const name = documentId({ tenant, id });
    if (seen.has(name)) continue;
    seen.add(name);
    const document = documents.get(name);
    if (document !== undefined && isHeld(document, request, read)) claimed.push(toRecord(document));
    else refused.push({ tenant, id, ...reason(document, request, read) });
  }
  const now = claimed.reduce((latest, { lockedAt }) => Math.max(latest, lockedAt ?? 0), claimed.length === 0 ? read : 0);
  return { claimed, refused, now };
}

function isHeld({ claimId, lockedBy, lockedUntil }: Held, request: ClaimRequest, now: number): boolean {
  return claimId === request.claimId && lockedBy === request.worker && lockedUntil !== null && lockedUntil > now;
}

function reason(document: Claimed | undefined, { claimId, alone }: ClaimRequest, now: number): Pick<Refusal, 'why' | 'until'> {
  if (document === undefined) return { why: 'missing', until: null };
  const { dueAt, lockedUntil, barrenClaims } = document;
  if (dueAt === null) return { why: 'at-rest', until: null };
  if (lockedUntil !== null && lockedUntil > now) return { why: 'leased', until: lockedUntil };
  if (dueAt > now) return { why: 'not-due', until: dueAt };
  // This very claim had it and it is over, so nobody waits for the answer: another claim may take it at once.
  if (document.claimId === claimId) return { why: 'leased', until: now };
  if (barrenClaims >= SUSPECT_AFTER && !alone) return { why: 'suspect', until: null };
  // It became free, or due, between the claim and the reading.
  return { why: 'leased', until: now };
}
