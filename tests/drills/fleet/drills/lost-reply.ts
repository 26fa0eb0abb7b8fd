import { type Drill, RESTART_MS } from '../drill.js';
import type { ServerName, Stage } from '../stage.js';

/** Longer than anything waits for an answer, shorter than a lease. */
const LOST_MS = 3_000;
/** What an API may take to say that it does not know, on a machine that has other things to do. */
const ANSWER_MS = 2_000;

/** What is asked arrives and is done, and the answer does not: nothing may come of asking again. */
export const lostReply: Drill = {
  name: 'lost-reply',
  about: 'the answers of MongoDB, then of RabbitMQ, are lost for 3 s, --cycles times: what was done is not done again',
  scale: { cycles: 3 },
  proxied: ['mongodb', 'rabbitmq'],
  async fault(stage) {
    for (let cycle = 0; cycle < stage.options.cycles; cycle += 1) {
      await lose(stage, 'mongodb');
      await lose(stage, 'rabbitmq');
    }
  },
  judge(stage) {
    const { slowestMs, replayed, unavailable } = stage.load.counts();
    stage.figure('answers of 503', unavailable);
    stage.figure('accepted although the client was told otherwise, and recognised', replayed);
    stage.figure('answers slower than 1 s', stage.load.slowerThan(1_000));
    return [
      ...(slowestMs > ANSWER_MS ? [`the slowest answer took ${slowestMs} ms, ${ANSWER_MS} allowed`] : []),
      ...(replayed === 0
        ? ['no request was recognised as a repeat: no reply that mattered was lost, and the drill has shown nothing']
        : []),
    ];
  },
};

async function lose(stage: Stage, name: ServerName): Promise<void> {
  const proxy = stage.proxies[name];
  // Its connections stay open and silent; they are cut when the fault ends, as by a network that comes back.
  await stage.fault(`${name}: replies lost`, RESTART_MS + stage.leaseMs, async () => {
    await proxy?.toxic('timeout', { timeout: 0 });
    await stage.pass(LOST_MS);
    await proxy?.clear();
  });
  if (!(await stage.caughtUp(60_000))) stage.fail(`not caught up 60 s after ${name}'s replies came again`);
  await stage.pass(1_000);
}
