import type { FailpointName } from '../../../src/runtime/failpoints.js';
import { AFTER_LEASE_MS } from './drill.js';
import type { Member } from './member.js';
import type { Stage } from './stage.js';

/** A worker that should have passed its moment by now has no work. */
const REACHED_WITHIN_MS = 30_000;

/**
 * One worker after the other dies, every second one at a moment from outside, the others at named ones, and stays away until the
 * rest has taken over. @param moments that a worker passes with work in its hands
 */
export async function killInTurns(stage: Stage, moments: readonly FailpointName[]): Promise<void> {
  let left: FailpointName[] = [];
  for (let cycle = 0; cycle < stage.options.cycles; cycle += 1) {
    const worker = stage.workers[cycle % stage.workers.length] as Member;
    if (cycle % 2 === 0) {
      await stage.pass(stage.random.between(0, 1000));
      await worker.kill();
      stage.struck(`${worker.name}: kill -9`, Date.now(), stage.leaseMs + AFTER_LEASE_MS);
    } else {
      if (left.length === 0) left = stage.random.shuffled(moments);
      await dieAt(stage, worker, left.pop() ?? 'before-ack');
    }
    stage.say(`${stage.faults.at(-1)?.name ?? 'nothing'} (${cycle + 1}/${stage.options.cycles})`);
    // Away for longer than its lease: the others have to do it.
    await stage.pass(stage.leaseMs + 1_000);
    await worker.start();
  }
}

async function dieAt(stage: Stage, worker: Member, moment: FailpointName): Promise<void> {
  await worker.stop();
  const spec = `${moment}:${stage.random.between(3, 12)}`;
  await worker.start({ FAILPOINT: spec });
  const died = await Promise.race([worker.ended(), stage.pass(REACHED_WITHIN_MS).then(() => null)]);
  if (died?.signal !== 'SIGKILL') {
    stage.fail(`${worker.name} did not pass ${spec}`);
    await worker.kill();
  }
  stage.struck(`${worker.name}: ${spec}`, died?.at ?? Date.now(), stage.leaseMs + AFTER_LEASE_MS);
}
