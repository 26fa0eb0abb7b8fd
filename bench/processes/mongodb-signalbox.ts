/** Contestant "signalbox": the adapter as the program uses it. */
import { randomUUID } from 'node:crypto';
import type * as MongoModule from '../../src/adapters/mongo/mongo.js';
import type * as ClockModule from '../../src/adapters/system/system-clock.js';
import type * as TimersModule from '../../src/adapters/system/system-timers.js';
import type { WorkRecord } from '../../src/ports/record.js';
import { doneOf, leaseOn } from '../../tests/contracts/drafts.js';
import { built } from '../built.js';
import { Inexact } from '../case.js';
import { serve } from '../child.js';
import { meter } from '../meter.js';
import {
  type Claimed,
  type ClaimPass,
  claiming,
  draftNo,
  LEASE_MS,
  lanes,
  type Opening,
  TENANT,
  type WritePass,
  type Written,
} from './mongodb.js';

const { openMongo } = await built<typeof MongoModule>('adapters/mongo/mongo.js');
const { createSystemClock } = await built<typeof ClockModule>('adapters/system/system-clock.js');
const { createSystemTimers } = await built<typeof TimersModule>('adapters/system/system-timers.js');

/** Of records that one accept call offers at once, where that is not what is measured. */
const FILLED_TOGETHER = 200;
const CLAIMED_TOGETHER = 50;
/** Commands may wait for each other here: what is measured is how fast they are, not how patient we are. */
const ANSWER_MS = 60_000;

let mongo: Awaited<ReturnType<typeof MongoModule.openMongo>>;

async function open({ uri, connections, migrate }: Opening): Promise<void> {
  mongo = await openMongo({
    uri,
    appName: 'bench',
    // One of a process's share is the driver's own, for its heartbeats.
    budget: connections + 1,
    processes: 1,
    clock: createSystemClock(),
    timers: createSystemTimers(),
    inboxKeep: 100,
    answerMs: ANSWER_MS,
    migrate,
    onConnection: () => undefined,
  });
  await Promise.all(Array.from({ length: connections }, () => mongo.probe()));
}

async function fill({ items }: { items: number }): Promise<void> {
  for (let from = 0; from < items; from += FILLED_TOGETHER) {
    const drafts = Array.from({ length: Math.min(FILLED_TOGETHER, items - from) }, (_, n) => draftNo(from + n));
    await mongo.store.accept(drafts);
  }
}

/** Batch by batch, the next when the last is there, as a worker does. */
function claim({ worker, batches }: ClaimPass): Promise<Claimed> {
  return claiming(async (claimed) => {
    for (const batch of batches) {
      const keys = batch.map((seq) => ({ tenant: TENANT, id: draftNo(seq).id }));
      const answer = await mongo.store.claim({ keys, claimId: randomUUID(), worker, leaseMs: LEASE_MS, alone: false });
      for (const { id } of answer.claimed) claimed(id);
    }
  });
}

async function write({ items, inFlight }: WritePass): Promise<Written> {
  const accepting = meter();
  await lanes(items, inFlight, async (seq) => {
    const [result] = await mongo.store.accept([draftNo(seq)]);
    if (result?.outcome !== 'created') throw new Inexact(`accept ${seq}: ${result?.outcome}`);
  });
  const accept = accepting();
  const records = await claimAll(items);
  const committing = meter();
  await lanes(items, inFlight, async (place) => {
    const record = records[place] as WorkRecord;
    const result = await mongo.store.commit(leaseOn(record), doneOf(record, 1, Date.now()));
    if (!result.applied) throw new Inexact(`commit ${place}: stale`);
  });
  return { accept, commit: committing() };
}

async function claimAll(items: number): Promise<readonly WorkRecord[]> {
  const records: WorkRecord[] = [];
  for (let from = 0; from < items; from += CLAIMED_TOGETHER) {
    const keys = Array.from({ length: Math.min(CLAIMED_TOGETHER, items - from) }, (_, n) => ({ tenant: TENANT, id: draftNo(from + n).id }));
    records.push(...(await mongo.store.claim({ keys, claimId: randomUUID(), worker: 'bench', leaseMs: LEASE_MS, alone: false })).claimed);
  }
  return records;
}

serve({ open, fill, claim, write, close: () => mongo.close() });
