/** Contestant "signalbox": the pipeline and the embedded adapter as `wire.ts` puts them together, without HTTP and with a channel that answers at once. */
import { setImmediate, setTimeout } from 'node:timers/promises';
import type * as EmbeddedModule from '../../src/adapters/embedded/embedded.js';
import type * as ChanceModule from '../../src/adapters/system/system-chance.js';
import type * as ClockModule from '../../src/adapters/system/system-clock.js';
import type * as IdsModule from '../../src/adapters/system/system-ids.js';
import type * as TimersModule from '../../src/adapters/system/system-timers.js';
import type { Submission } from '../../src/pipeline/accept.js';
import type * as PipelineModule from '../../src/pipeline/pipeline.js';
import type { Channel } from '../../src/ports/channel.js';
import type * as LogModule from '../../src/telemetry/log.js';
import type * as MetricsModule from '../../src/telemetry/metrics.js';
import type * as WorkloadModule from '../../src/workloads/notifications/workload.js';
import { built, makeDataDir, removeDataDir } from '../built.js';
import { Inexact } from '../case.js';
import { serve } from '../child.js';
import { Exactly } from '../exact.js';
import { meter, type Spent } from '../meter.js';
import { countRows, type RowCounts } from '../rows.js';
import { type Listener, listenIn, writeTape } from '../tape.js';
import { PIPELINE_SETTINGS, type PipelinePass } from './pipeline-settings.js';

const { openEmbedded } = await built<typeof EmbeddedModule>('adapters/embedded/embedded.js');
const { createSystemChance } = await built<typeof ChanceModule>('adapters/system/system-chance.js');
const { createSystemClock } = await built<typeof ClockModule>('adapters/system/system-clock.js');
const { createSystemIds } = await built<typeof IdsModule>('adapters/system/system-ids.js');
const { createSystemTimers } = await built<typeof TimersModule>('adapters/system/system-timers.js');
const { createPipeline } = await built<typeof PipelineModule>('pipeline/pipeline.js');
const { createLog, logFact } = await built<typeof LogModule>('telemetry/log.js');
const { createMetrics } = await built<typeof MetricsModule>('telemetry/metrics.js');
const { notificationsWorkload } = await built<typeof WorkloadModule>('workloads/notifications/workload.js');

const BODY = 'Your parcel has left the sorting centre and will be with you tomorrow between 9 and 12. '.repeat(3);

function submissionOf(pass: string, seq: number): Submission {
  return {
    workload: 'notifications',
    tenant: 'default',
    principal: 'anonymous',
    key: `bench-${pass}-${seq}`,
    userId: `user_${seq % 1000}`,
    priority: 'normal',
    payload: { category: 'orders', subject: 'Your parcel', body: BODY, data: { seq }, scheduledFor: null, expiresAt: null },
    targets: [{ channel: 'email', recipient: `user_${seq % 1000}@example.org` }],
    scheduledFor: null,
    correlation: { requestId: `bench-${pass}-${seq}` },
  };
}

/** Brings about nothing, at once; ticks the item off. */
function instantChannel(effects: Exactly): Channel {
  return {
    name: 'email',
    effectClass: 'neither',
    provider: () => 'bench',
    send: async (effect) => {
      effects.tick(effect.data?.['seq']);
      return { kind: 'done', receipt: 'r' };
    },
  };
}

/** `onDelivered` is called once, when the last of the items is delivered. */
async function openPlatform(dataDir: string, items: number, onDelivered: () => void) {
  const clock = createSystemClock();
  const timers = createSystemTimers();
  const effects = new Exactly(items);
  const settled = new Exactly(items);
  const log = createLog({ level: 'info', worker: 'bench', version: '0' });
  const onFatal = (error: Error): never => {
    throw error;
  };
  const embedded = await openEmbedded({ dataDir, clock, timers, onFatal });
  const metrics = createMetrics();
  metrics.observe(embedded);
  const pipeline = createPipeline({
    ...embedded,
    clock,
    timers,
    ids: createSystemIds(),
    chance: createSystemChance(),
    settings: PIPELINE_SETTINGS,
    worker: 'bench',
    workloads: [
      notificationsWorkload({
        channels: [instantChannel(effects)],
        unknownPolicies: {},
        people: embedded.people,
        criticalCategories: ['security', 'account'],
        quietMarginMs: PIPELINE_SETTINGS.sendTimeoutMs,
      }),
    ],
    consume: true,
    watch(fact) {
      metrics.count(fact);
      logFact(log, fact);
      if (fact.kind !== 'settled' || fact.delivery.status !== 'delivered') return;
      settled.tick((fact.record.payload as { data: { seq: number } }).data.seq);
      if (settled.complete) onDelivered();
    },
  });
  return { embedded, pipeline, effects, settled };
}

/** Each lane accepts its next item when the store has its last one: `inFlight` accepts are under way at any time. */
async function submitAll(accept: (submission: Submission) => Promise<unknown>, { items, inFlight, name }: PipelinePass): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items) {
      const seq = next;
      next += 1;
      await accept(submissionOf(name, seq));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

async function withinMinutes(minutes: number, work: Promise<void>): Promise<void> {
  const late = new AbortController();
  const limit = setTimeout(minutes * 60_000, 'late', { signal: late.signal, ref: false }).catch(() => 'done');
  if ((await Promise.race([work, limit])) === 'late') throw new Inexact(`not all items were delivered within ${minutes} minutes`);
  late.abort();
}

let listener: Listener | undefined;

async function run(pass: PipelinePass): Promise<{ spent: Spent; commits: number; rows: RowCounts }> {
  listener ??= await listenIn(pass.tapePath !== null);
  const dataDir = makeDataDir();
  try {
    let onDelivered: () => void = () => undefined;
    const delivered = new Promise<void>((resolve) => (onDelivered = resolve));
    const { embedded, pipeline, effects, settled } = await openPlatform(dataDir, pass.items, onDelivered);
    pipeline.start();
    const commitsBefore = listener.commits;
    const stop = meter();
    await submitAll(pipeline.accept, pass);
    await withinMinutes(10, delivered);
    // The last outcomes are written; their wake-ups are forgotten a turn or two later.
    while ((await embedded.queue.depth()).taken > 0) await setImmediate();
    const spent = stop();
    const commits = listener.commits - commitsBefore;
    effects.check('effects');
    settled.check('settled');
    const { open } = await embedded.reader.backlog();
    const { delivered: counted } = await embedded.reader.deliveryCounts();
    if (open !== 0 || counted !== pass.items) throw new Inexact(`the store says: ${open} open, ${counted} delivered`);
    await pipeline.stop();
    const tape = listener.tape === null ? null : { sql: [...listener.tape.sql], transactions: [...listener.tape.transactions] };
    if (pass.tapePath !== null && tape !== null) await writeTape(tape, pass.tapePath);
    const rows = listener.database === undefined ? {} : countRows(listener.database);
    await embedded.close();
    return { spent, commits, rows };
  } finally {
    removeDataDir(dataDir);
  }
}

serve({ run });
