import type { FailpointName } from '../../../../src/runtime/failpoints.js';
import { AFTER_LEASE_MS, type Drill } from '../drill.js';
import type { Member } from '../member.js';
import type { Stage } from '../stage.js';

/** The moments that a worker passes with an item in its hands. */
const MOMENTS: readonly FailpointName[] = ['after-claim', 'after-intent', 'after-send', 'before-outcome', 'before-ack'];
/** A worker that should have passed its moment by now has no work. */
const REACHED_WITHIN_MS = 30_000;

/** One worker after the other dies, at a moment from outside or at a named one, and stays away until the others have taken over. */
export const workerCrash: Drill = {
  name: 'worker-crash',
  about: 'kills one worker after the other with kill -9, at random and at named moments; the others take its work over',
  scale: { cycles: 6 },
  async fault(stage) {
    let moments: FailpointName[] = [];
    for (let cycle = 0; cycle < stage.options.cycles; cycle += 1) {
      const worker = stage.workers[cycle % stage.workers.length] as Member;
      if (cycle % 2 === 0) {
        await stage.pass(stage.random.between(0, 1000));
        await worker.kill();
        stage.struck(`${worker.name}: kill -9`, Date.now(), stage.leaseMs + AFTER_LEASE_MS);
      } else {
        if (moments.length === 0) moments = stage.random.shuffled(MOMENTS);
        await dieAt(stage, worker, moments.pop() ?? 'after-send');
      }
      stage.say(`${stage.faults.at(-1)?.name ?? 'nothing'} (${cycle + 1}/${stage.options.cycles})`);
      // Away for longer than its lease: the others have to do it.
      await stage.pass(stage.leaseMs + 1_000);
      await worker.start();
    }
  },
};

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
