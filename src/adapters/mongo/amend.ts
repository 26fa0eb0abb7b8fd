import { randomUUID } from 'node:crypto';
import { SignalboxError } from '../../errors.js';
import type { RecordEvent, RecordKey, WorkRecord } from '../../ports/record.js';
import type { Amendment, AmendResult } from '../../ports/store.js';
import { COMMITS_OF_TOKEN, changeFields, deliveredBy, eventFields, FREE, IS_LEASED, literal, NEXT_VERSION } from './change-update.js';
import { isDuplicate } from './errors.js';
import { documentId, type NotificationDocument, type Notifications, RECORD_FIELDS, type RecordDocument, toRecord } from './model.js';
import { NOW } from './now.js';
import type { ServerClock } from './server-clock.js';

const FOUND_FIELDS = { ...RECORD_FIELDS, writeId: 1, deliveredOps: 1 } as const;

type Found = RecordDocument & Pick<NotificationDocument, 'writeId' | 'deliveredOps'>;

/** One comparison and one write on the server; whose `writeId` the record then bears says whether it was ours. */
export async function amendRecord(run: Notifications, clock: ServerClock, key: RecordKey, amendment: Amendment): Promise<AmendResult> {
  const writeId = randomUUID();
  const delivered = deliveredBy(amendment);
  try {
    const found = (await amendDocument(run, key, amendment, writeId)) ?? (await findDocument(run, key));
    if (found === null) return { outcome: 'missing' };
    if (found.writeId === writeId) return { outcome: 'applied', record: toRecord(found) };
    if (found.lockedUntil !== null && found.lockedUntil > (await clock.now())) return { outcome: 'leased' };
    const known = delivered.find((operation) => found.deliveredOps?.includes(operation));
    if (found.version === amendment.version && known !== undefined) throw deliveredAlready(known);
    return { outcome: 'conflict' };
  } catch (error) {
    throw isDuplicate(error) ? deliveredAlready(delivered[0] ?? 'of another record') : error;
  }
}

function amendDocument(run: Notifications, key: RecordKey, amendment: Amendment, writeId: string): Promise<Found | null> {
  const { version, cancelRequestedAt } = amendment;
  const delivered = deliveredBy(amendment);
  const amended = {
    ...changeFields(amendment),
    ...FREE,
    cancelRequestedAt,
    lockToken: { $add: ['$lockToken', 1] },
    lastSeq: 0,
    commits: COMMITS_OF_TOKEN,
    writeId: literal(writeId),
  };
  // Each field by itself: a document as a whole could not lose one.
  const unlessLeased = Object.entries(amended).map(([name, value]) => [name, { $cond: [IS_LEASED, `$${name}`, value] }]);
  const filter = { _id: documentId(key), version, ...(delivered.length === 0 ? {} : { deliveredOps: { $nin: [...delivered] } }) };
  return run((notifications) =>
    notifications.findOneAndUpdate(filter, [{ $set: Object.fromEntries(unlessLeased) }], {
      returnDocument: 'after',
      projection: FOUND_FIELDS,
    }),
  );
}

/** Sets it once, and gives the record as it then is. */
export async function requestCancelOf(run: Notifications, key: RecordKey, event: RecordEvent): Promise<WorkRecord | null> {
  const filter = { _id: documentId(key), dueAt: { $gt: 0 }, cancelRequestedAt: null };
  const fields = { ...eventFields([event]), cancelRequestedAt: NOW, updatedAt: NOW, version: NEXT_VERSION };
  const changed = await run((notifications) =>
    notifications.findOneAndUpdate(filter, [{ $set: fields }], { returnDocument: 'after', projection: FOUND_FIELDS }),
  );
  const found = changed ?? (await findDocument(run, key));
  return found === null || found.dueAt === null ? null : toRecord(found);
}

function findDocument(run: Notifications, key: RecordKey): Promise<Found | null> {
  return run((notifications) => notifications.findOne<Found>({ _id: documentId(key) }, { projection: FOUND_FIELDS }));
}

function deliveredAlready(operation: string): SignalboxError {
  return new SignalboxError('conflict', `Operation ${operation} is delivered already.`);
}
