import { until } from '../../stage.js';
import type { Drill } from '../drill.js';
import type { Member } from '../member.js';
import { type MessageFindings, storedLate } from '../messages/evidence.js';
import { isShared, type StreamStatus, streamOfAny } from '../messages/stream.js';
import { MESSAGE_WORK } from '../messages/work.js';
import type { Stage } from '../stage.js';

const EVERY_MS = 5_000;
const LEAST = 1;
const MOST = 5;
/** Everybody looks every second who else is there; who leaves hands over at once. */
const SHARED_WITHIN_MS = 15_000;

/** Consumers come and go without end: partitions change hands all the time, and nothing falls between two of them. */
export const rebalanceStorm: Drill<MessageFindings> = {
  name: 'rebalance-storm',
  about: 'a consumer of messages joins or leaves every 5 s, --cycles times: partitions change hands, and no conversation loses its order',
  work: MESSAGE_WORK,
  scale: { rate: 100, cycles: 12 },
  async fault(stage) {
    let slowestMs = 0;
    for (let cycle = 0; cycle < stage.options.cycles; cycle += 1) {
      const running = stage.workers.filter((worker) => worker.running);
      const joins = running.length <= LEAST || (running.length < MOST && stage.random.next() < 0.5);
      const began = performance.now();
      await Promise.all([joins ? join(stage) : leave(stage, stage.random.shuffled(running)[0] as Member), stage.pass(EVERY_MS)]);
      slowestMs = Math.max(slowestMs, performance.now() - began);
    }
    stage.figure('longest from one change to the next, ms', Math.round(slowestMs));
    if (!(await until(SHARED_WITHIN_MS, async () => isShared(await streamOfAny(stage), runningIn(stage)))))
      stage.fail(`not shared evenly ${SHARED_WITHIN_MS / 1000} s after the last change`);
    stage.figure('times that a partition changed hands', takings(await streamOfAny(stage)));
  },
  judge: (_stage, { histories }) => storedLate(histories),
};

/** One that had left comes back, else a new one comes. */
async function join(stage: Stage): Promise<void> {
  const worker = stage.workers.find((one) => !one.running) ?? (await stage.add('worker'));
  await stage.fault(`${worker.name} joins`, null, () => worker.start());
  const given = async (): Promise<boolean> => ((await worker.metrics())?.('stream_partitions_total', 'state="started"') ?? 0) > 0;
  if (!(await until(SHARED_WITHIN_MS, given))) stage.fail(`${worker.name} came and was given no partition`);
}

async function leave(stage: Stage, worker: Member): Promise<void> {
  const ended = await stage.fault(`${worker.name} leaves`, null, () => worker.stop());
  if (ended?.code !== 0) stage.fail(`${worker.name} did not end in order: ${ended?.signal ?? `exit code ${ended?.code}`}`);
}

function runningIn(stage: Stage): readonly string[] {
  return stage.workers.filter((worker) => worker.running).map(({ name }) => name);
}

/** A fence rises with every taking. */
function takings(status: StreamStatus | null): number {
  return (status?.depth ?? []).reduce((sum, { fence }) => sum + (fence ?? 0), 0);
}
