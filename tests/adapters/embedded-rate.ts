/**
 * How fast the embedded adapter is, beside the same rows written by bare SQL. Not a test: numbers of one machine.
 *
 *   node --import tsx tests/adapters/embedded-rate.ts [records] [at a time]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Embedded, openEmbedded } from '../../src/adapters/embedded/embedded.js';
import { openFile } from '../../src/adapters/embedded/open.js';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import type { Delivery, WorkRecord } from '../../src/ports/record.js';
import type { LeaseRef } from '../../src/ports/store.js';
import { type DraftShape, draftOf } from '../contracts/drafts.js';

const BARE = 'bare SQL, rows of an accept';
const clock = createSystemClock();
const total = Number(process.argv[2] ?? 20_000);
const width = Number(process.argv[3] ?? 500);

async function inTempDir<T>(work: (dataDir: string) => Promise<T>): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), 'signalbox-rate-'));
  try {
    return await work(dataDir);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** CPU µs of the floor in this round. */
let floor = Number.NaN;

async function timed(name: string, work: (from: number) => Promise<void>): Promise<void> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let from = 0; from < total; from += width) await work(from);
  const seconds = (performance.now() - start) / 1000;
  const used = process.cpuUsage(cpu);
  const micros = (used.user + used.system) / total;
  if (name === BARE) floor = micros;
  const share = name === 'accept' ? `, ${Math.round((100 * floor) / micros)} % of the floor` : '';
  console.log(`${name.padEnd(34)} ${Math.round(total / seconds)} a second, ${micros.toFixed(1)} µs of CPU each${share}`);
}

function shape(n: number): DraftShape {
  return { id: `rate-${n.toString(16).padStart(8, '0')}-3f0c1e2d4b5a69788796a5b4c3d2e1f0`, createdAt: Date.now(), body: 'x'.repeat(200) };
}

/** The rows of an accept, without looking at anything. */
async function bare(): Promise<void> {
  await inTempDir(async (dataDir) => {
    const file = await openFile(dataDir);
    const { database } = file;
    const record = database.prepare(
      'INSERT INTO records (seq, tenant, id, workload, user_id, status, urgent, created_at, updated_at, due_at) VALUES (?,?,?,?,?,?,?,?,?,?)',
    );
    const contents = database.prepare('INSERT INTO contents (record, body) VALUES (?,?)');
    const delivery = database.prepare(
      'INSERT INTO deliveries (record, channel, recipient, place, tenant, id, status, settled_at, body) VALUES (?,?,?,?,?,?,?,?,?)',
    );
    const events = database.prepare('INSERT INTO events (record, version, entries) VALUES (?,?,?)');
    const draft = draftOf(shape(0));
    const [first] = draft.deliveries;
    const body = JSON.stringify({ ...draft, deliveries: undefined, events: undefined });
    const deliveryBody = JSON.stringify(first);
    const eventsBody = JSON.stringify(draft.events);
    await timed(BARE, async (from) => {
      database.exec('BEGIN');
      for (let n = from; n < from + width; n += 1) {
        const { id } = shape(n);
        record.run(n, 't', id, draft.workload, draft.userId, draft.status, 0, 1, 1, 1);
        contents.run(n, body);
        delivery.run(n, 'email', 'someone@example.org', 0, 't', `${id}:email`, 'queued', null, deliveryBody);
        events.run(n, 1, eventsBody);
      }
      database.exec('COMMIT');
    });
    file.close();
  });
}

async function accept(embedded: Embedded, from: number): Promise<readonly WorkRecord[]> {
  const calls: Promise<WorkRecord | undefined>[] = [];
  for (let n = from; n < from + width; n += 1) calls.push(embedded.store.accept([draftOf(shape(n))]).then(([result]) => result?.record));
  return (await Promise.all(calls)).filter((record) => record !== undefined);
}

async function work(embedded: Embedded, record: WorkRecord): Promise<void> {
  const { store } = embedded;
  const lease: LeaseRef = { tenant: record.tenant, id: record.id, worker: 'w1', token: record.lockToken };
  const [first] = record.deliveries;
  if (first === undefined) throw new Error('no delivery');
  const now = Date.now();
  const events = [{ at: now, name: 'attempted', rule: 'attempt', actor: 'w1', clock: 'worker' as const }];
  const line = {
    operationId: first.operationId,
    deliveryId: first.id,
    attempt: 1,
    at: now,
    worker: 'w1',
    token: record.lockToken,
    provider: 'relay',
  };
  const trying: Delivery = { ...first, status: 'processing', attempts: 1, intentAt: now };
  await store.commit(lease, {
    seq: 1,
    status: 'processing',
    dueAt: record.dueAt,
    deliveries: [trying],
    ledger: [{ ...line, kind: 'intent' }],
    events,
    release: false,
  });
  const done: Delivery = { ...trying, status: 'delivered', dueAt: null, intentAt: null, settledAt: now };
  const result = await store.commit(lease, {
    seq: 2,
    status: 'delivered',
    dueAt: null,
    deliveries: [done],
    ledger: [{ ...line, kind: 'outcome', result: 'delivered', durationMs: 12 }],
    events,
    release: true,
  });
  if (!result.applied) throw new Error('not applied');
}

async function ours(): Promise<void> {
  const options = { clock, timers: createSystemTimers(), onFatal: (error: Error) => console.error(error) };
  await inTempDir(async (dataDir) => {
    const embedded = await openEmbedded({ dataDir, ...options });
    await timed('accept', async (from) => void (await accept(embedded, from)));
    await embedded.close();
  });
  await inTempDir(async (dataDir) => {
    const embedded = await openEmbedded({ dataDir, ...options });
    await timed('accept, claim, intent, outcome', async (from) => {
      const records = await accept(embedded, from);
      const { claimed } = await embedded.store.claim({ keys: records, claimId: `c${from}`, worker: 'w1', leaseMs: 30_000, alone: false });
      await Promise.all(claimed.map((record) => work(embedded, record)));
    });
    await embedded.close();
  });
  await inTempDir(async (dataDir) => {
    const embedded = await openEmbedded({ dataDir, ...options });
    await timed('publish, take, ack', async (from) => {
      const wakeUps = Array.from({ length: width }, (_, n) => ({ ...draftOf(shape(from + n)), tenant: 't' }));
      let left = width;
      const done = new Promise<void>((resolve) => {
        const consumption = embedded.queue.consume(64, (taken) => {
          for (const wakeUp of taken) {
            void wakeUp.ack().then(() => {
              left -= 1;
              if (left === 0) void consumption.stop().then(resolve);
            });
          }
        });
      });
      await embedded.queue.publish(wakeUps);
      await done;
    });
    await embedded.close();
  });
}

// The first round warms up.
for (let round = 1; round <= 4; round += 1) {
  await bare();
  await ours();
}
