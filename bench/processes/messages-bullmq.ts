/** Contestant "BullMQ": one queue, jobs added in bulk under an id that makes a repeat known, a worker with many at a time. No order. */
import { Queue, Worker } from 'bullmq';
import { serve } from '../child.js';
import { Exactly } from '../exact.js';
import { CONCURRENCY, type Handled, type MessagePass, messageOf, offer, passesOf, seqOf } from './messages.js';

const NAME = 'bench';
/** Finished jobs that stay, in all; as many as stay in sixteen partitions. */
const KEEP = 16_000;
/** Added in one call. */
const BULK = 100;

let queue: Queue;
let connection: { readonly host: string; readonly port: number };

function jobOf(pass: string, seq: number) {
  const { id, body } = messageOf(pass, seq);
  return { name: 'message', data: { body }, opts: { jobId: id, removeOnComplete: { count: KEEP } } };
}

async function consuming(items: number, handled: Handled, work: () => Promise<void>): Promise<void> {
  const seen = new Exactly(items);
  const worker = new Worker<{ readonly body: string }>(
    NAME,
    async ({ data }) => {
      const seq = seqOf(data.body);
      seen.tick(seq);
      handled.handled(seq);
    },
    { connection, concurrency: CONCURRENCY, autorun: false },
  );
  let completed = 0;
  const all = new Promise<void>((resolve) => {
    worker.on('completed', () => {
      completed += 1;
      if (completed === items) resolve();
    });
  });
  void worker.run();
  await Promise.all([work(), all]);
  await worker.close();
  seen.check('BullMQ');
}

/** As many calls of a hundred as fill what may be under way. */
function offerInBulk({ items, inFlight, pass }: MessagePass): Promise<void> {
  const calls = { items: Math.ceil(items / BULK), inFlight: Math.max(1, Math.round(inFlight / BULK)) };
  return offer(calls, (call) => {
    const many = Math.min(BULK, items - call * BULK);
    return queue.addBulk(Array.from({ length: many }, (_, n) => jobOf(pass, call * BULK + n)));
  });
}

function add(pass: string, seq: number): Promise<unknown> {
  const { name, data, opts } = jobOf(pass, seq);
  return queue.add(name, data, opts);
}

serve({
  async open(url: string) {
    const { hostname: host, port } = new URL(url);
    connection = { host, port: Number(port) };
    queue = new Queue(NAME, { connection });
    await queue.waitUntilReady();
  },
  ...passesOf({ consuming, accept: add, offerAll: offerInBulk }),
  close: () => queue.close(),
});
