/**
 * A process that uses the data file until it is killed.
 *
 *   node --import tsx tests/adapters/embedded-child.ts hold|write|refused <data directory>
 *
 * Prints `open` when it has the file, then (write) a line for everything that was acknowledged to it; or (refused) why
 * it does not get the file, and ends.
 */
import { type Embedded, openEmbedded } from '../../src/adapters/embedded/embedded.js';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import { SignalboxError } from '../../src/errors.js';
import { doneOf, draftOf, intentOf, leaseOn } from '../contracts/drafts.js';

const [mode, dataDir = ''] = process.argv.slice(2);
const AT_A_TIME = 20;
const LEASE_MS = 30_000;

function say(what: string, id: string): void {
  process.stdout.write(`${what} ${id}\n`);
}

async function oneThrough({ store, queue }: Embedded, id: string): Promise<void> {
  const draft = draftOf({ id, createdAt: Date.now() });
  await store.accept([draft]);
  say('accepted', id);
  await queue.publish([draft]);
  say('published', id);
  const { claimed } = await store.claim({ keys: [draft], claimId: `claim of ${id}`, worker: 'child', leaseMs: LEASE_MS, alone: false });
  const [record] = claimed;
  if (record === undefined) throw new Error(`${id} was not claimed`);
  say('claimed', id);
  await store.commit(leaseOn(record), intentOf(record, 1, Date.now()));
  say('tried', id);
  await store.commit(leaseOn(record), doneOf(record, 2, Date.now()));
  say('delivered', id);
}

async function write(embedded: Embedded): Promise<never> {
  for (let round = 0; ; round += 1) {
    await Promise.all(Array.from({ length: AT_A_TIME }, (_, n) => oneThrough(embedded, `r${round}-${n}`)));
  }
}

const embedded = await openEmbedded({
  dataDir,
  clock: createSystemClock(),
  timers: createSystemTimers(),
  onFatal: (error) => {
    throw error;
  },
}).catch((error: unknown) => {
  if (mode !== 'refused' || !(error instanceof SignalboxError)) throw error;
  process.stdout.write(`${error.code} ${error.message}\n`);
  process.exit(0);
});
process.stdout.write('open\n');
if (mode === 'write') await write(embedded);
else setInterval(() => {}, LEASE_MS);
