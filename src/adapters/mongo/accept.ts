import { randomUUID } from 'node:crypto';
import { SignalboxError } from '../../errors.js';
import type { AcceptResult, Draft } from '../../ports/store.js';
import { isDuplicate, unavailable } from './errors.js';
import {
  documentId,
  fromDraft,
  type NotificationDocument,
  type Notifications,
  RECORD_FIELDS,
  type RecordDocument,
  toRecord,
} from './model.js';
import type { ServerClock } from './server-clock.js';

/** Rounds for those whose insertion gave way to another's. */
const ROUNDS = 3;

type Stored = RecordDocument & Pick<NotificationDocument, 'writeId'>;

/**
 * Inserts a batch of drafts, each under its key, and answers them in order. Those that were there already are read back:
 * whose write it was says who created it, so that a repetition after a lost reply is still told `created`.
 */
export async function acceptBatch(
  run: Notifications,
  clock: ServerClock,
  drafts: readonly Draft[],
): Promise<readonly (AcceptResult | SignalboxError)[]> {
  const writeId = randomUUID();
  const now = await clock.now();
  const offered = new Map<string, NotificationDocument>();
  const firsts = new Set<Draft>();
  for (const draft of drafts) {
    const id = documentId(draft);
    if (offered.has(id)) continue;
    offered.set(id, fromDraft(draft, now, writeId));
    firsts.add(draft);
  }
  const { stored, refused } = await insertOrFind(run, offered);
  return drafts.map((draft) => {
    const found = stored.get(documentId(draft));
    if (found === undefined) return refused ? taken(draft) : unavailable('MongoDB could not insert a record.');
    const record = toRecord(found);
    if (firsts.has(draft) && found.writeId === writeId) return { outcome: 'created', record };
    return { outcome: found.fingerprint === draft.fingerprint ? 'repeat' : 'conflict', record };
  });
}

/** `refused`: what is not stored has a delivery that another record has. */
async function insertOrFind(
  run: Notifications,
  offered: ReadonlyMap<string, NotificationDocument>,
): Promise<{ stored: ReadonlyMap<string, Stored>; refused: boolean }> {
  const stored = new Map<string, Stored>();
  let refused = false;
  let left = [...offered.values()];
  for (let round = 0; round < ROUNDS && left.length > 0; round += 1) {
    refused = !(await insert(run, left));
    const there = refused ? await find(run, left) : left;
    for (const document of there) stored.set(document._id, document);
    left = left.filter((document) => !stored.has(document._id));
  }
  return { stored, refused };
}

/** False when some of them were refused. */
async function insert(run: Notifications, documents: readonly NotificationDocument[]): Promise<boolean> {
  try {
    await run((notifications) => notifications.insertMany([...documents], { ordered: false }));
    return true;
  } catch (error) {
    if (isDuplicate(error)) return false;
    throw error;
  }
}

function find(run: Notifications, documents: readonly NotificationDocument[]): Promise<Stored[]> {
  const ids = documents.map((document) => document._id);
  return run((notifications) =>
    notifications
      .find<Stored>({ _id: { $in: ids } }, { projection: { ...RECORD_FIELDS, writeId: 1 }, batchSize: ids.length + 1 })
      .toArray(),
  );
}

function taken(draft: Draft): SignalboxError {
  return new SignalboxError('conflict', `A delivery of ${draft.id} is another record's.`);
}
