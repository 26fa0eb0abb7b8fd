import { partitionOf } from '../../../../src/ports/partition.js';
import { until } from '../../stage.js';
import type { Drill } from '../drill.js';
import { type MessageFindings, storedLate } from '../messages/evidence.js';
import { isShared, order, streamOfAny } from '../messages/stream.js';
import { MESSAGE_WORK } from '../messages/work.js';
import type { Stage } from '../stage.js';

const FEW = 16;
const MANY = 32;
const MOVED_WITHIN_MS = 60_000;
const SHARED_WITHIN_MS = 15_000;

/** The number of partitions changes while everything flows: many conversations move, and each keeps its order. */
export const repartition: Drill<MessageFindings> = {
  name: 'repartition',
  about: 'the message log goes from 16 partitions to 32 under load, and back with more --cycles: conversations move and keep their order',
  work: MESSAGE_WORK,
  scale: { rate: 150, cycles: 1 },
  async fault(stage) {
    for (let cycle = 0; cycle < stage.options.cycles; cycle += 1) {
      const to = cycle % 2 === 0 ? MANY : FEW;
      await stage.fault(`partitions: to ${to}`, MOVED_WITHIN_MS, async () => {
        await order(stage, '/api/v1/streams/messages/partitions', { partitions: to });
        if (!(await until(MOVED_WITHIN_MS, () => hasMoved(stage, to)))) stage.fail(`the change to ${to} partitions was not over in time`);
      });
      const names = stage.workers.map(({ name }) => name);
      if (!(await until(SHARED_WITHIN_MS, async () => isShared(await streamOfAny(stage), names))))
        stage.fail(`${to} partitions were not shared evenly ${SHARED_WITHIN_MS / 1000} s after the change`);
      await stage.pass(5_000);
    }
  },
  judge(stage, { histories }) {
    const moved = movedWithin(histories);
    stage.figure('conversations that were moved while they went on', moved);
    return [...storedLate(histories), ...(moved > 0 ? [] : ['no conversation was moved: the drill has shown nothing'])];
  },
};

async function hasMoved(stage: Stage, partitions: number): Promise<boolean> {
  const status = await streamOfAny(stage);
  return status !== null && status.moving === null && status.partitions === partitions;
}

/** Conversations with messages from before and after a change, that are in different partitions there and here. */
function movedWithin(histories: MessageFindings['histories']): number {
  return [...histories].filter(([id, history]) => {
    const epochs = new Set(history.map(({ order: place }) => place.split('-')[0]));
    return epochs.size > 1 && partitionOf(id, FEW) !== partitionOf(id, MANY);
  }).length;
}
