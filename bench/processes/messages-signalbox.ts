/** Contestant "signalbox": the adapter and the consumer as the program uses them, with a handler that keeps nothing. */
import type * as StreamsModule from '../../src/adapters/redis-streams/redis-streams.js';
import type * as ChanceModule from '../../src/adapters/system/system-chance.js';
import type * as ClockModule from '../../src/adapters/system/system-clock.js';
import type * as TimersModule from '../../src/adapters/system/system-timers.js';
import type * as ConsumeModule from '../../src/pipeline/stream-consume.js';
import type { StreamSettings } from '../../src/pipeline/stream-settings.js';
import { built } from '../built.js';
import { serve } from '../child.js';
import { Exactly } from '../exact.js';
import { BATCH, type Handled, messageOf, PARTITIONS, passesOf, seqOf } from './messages.js';

const { openRedisStreams } = await built<typeof StreamsModule>('adapters/redis-streams/redis-streams.js');
const { createSystemClock } = await built<typeof ClockModule>('adapters/system/system-clock.js');
const { createSystemTimers } = await built<typeof TimersModule>('adapters/system/system-timers.js');
const { createSystemChance } = await built<typeof ChanceModule>('adapters/system/system-chance.js');
const { createStreamConsumer } = await built<typeof ConsumeModule>('pipeline/stream-consume.js');

const SETTINGS: StreamSettings = {
  leaseMs: 10_000,
  beatMs: 1000,
  batchSize: BATCH,
  pollMs: 5000,
  maxRetries: 3,
  maxDeliveries: 5,
  backoffMs: 5000,
  backoffMaxMs: 60_000,
  afterDeath: 'continue',
  keep: 1000,
  partitions: PARTITIONS,
};

const clock = createSystemClock();
const timers = createSystemTimers();
const chance = createSystemChance();
let streams: StreamsModule.RedisStreams;
let onSeq: (seq: number) => void = () => {};
let onSettled: () => void = () => {};

function accept(pass: string, seq: number): Promise<unknown> {
  const { id, conversation: key, body } = messageOf(pass, seq);
  return streams.log.append([{ tenant: 'default', key, id, fingerprint: id, body }]);
}

/** Consumes until everything is handled and acked. */
async function consuming(items: number, handled: Handled, work: () => Promise<void>): Promise<void> {
  const seen = new Exactly(items);
  let settled = 0;
  const all = new Promise<void>((resolve) => {
    onSeq = (seq) => {
      seen.tick(seq);
      handled.handled(seq);
    };
    onSettled = () => {
      if (seen.complete && settled >= items) resolve();
    };
  });
  const consumer = createStreamConsumer({
    ...streams,
    clock,
    timers,
    chance,
    worker: 'bench',
    settings: SETTINGS,
    watch: (fact) => {
      if (fact.kind !== 'stream-settled') return;
      settled += fact.done;
      onSettled();
    },
    handle: async (entries) => {
      for (const { body } of entries) onSeq(seqOf(body));
      return entries.map(() => ({ kind: 'done' }));
    },
  });
  consumer.start();
  await Promise.all([work(), all]);
  await consumer.stop();
  seen.check('signalbox');
}

serve({
  async open(url: string) {
    streams = await openRedisStreams({ url, db: 1, name: 'bench', clock, timers, chance, onConnection: () => {} });
    await streams.control.prepare(PARTITIONS);
  },
  ...passesOf({ consuming, accept }),
  close: () => streams.close(),
});
