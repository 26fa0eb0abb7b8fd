import type { Drill } from '../drill.js';

const DRAINED_MS = 60_000;
/** What an API may take to say that it cannot. */
const ANSWER_MS = 1_000;
/** No backlog: nothing has been due for so long. It is looked at for a while, since it comes and goes where a machine has all hands full. */
const LONG_MS = 2_000;
const SETTLED_MS = 5_000;
/** An outage cuts connections in the middle of answers: those are over when it has lasted so long. */
const MISSED_AFTER_MS = 2_000;

export const storeDown: Drill = {
  name: 'store-down-60s',
  about:
    'the store is away for --seconds: APIs say so within 1 s (503, Retry-After), accept nothing by halves, and all is drained 60 s after',
  scale: { rate: 100, seconds: 60, apis: 2, workers: 3 },
  // More at a time than the default: commits share a command, which is what a small machine needs at this rate.
  settings: { PREFETCH_COUNT: '50' },
  async fault(stage) {
    const before = stage.load.counts();
    // What was refused comes again at its senders' own pace and is no backlog of ours: judged is the backlog, below.
    await stage.fault(`store: away for ${stage.options.seconds} s`, null, async () => {
      await stage.servers.mongodb.kill();
      await stage.pass(MISSED_AFTER_MS);
      const accepted = stage.load.counts().accepted;
      await stage.pass(stage.options.seconds * 1000 - MISSED_AFTER_MS);
      const { accepted: meanwhile, unavailable } = stage.load.counts();
      if (meanwhile > accepted) stage.fail(`${meanwhile - accepted} requests were accepted without a store`);
      stage.figure('503 while it was away', unavailable - before.unavailable);
      await stage.servers.mongodb.start();
    });
    const back = performance.now();
    await stage.caughtUp(DRAINED_MS, LONG_MS);
    stage.figure('caught up after its return, s', ((performance.now() - back) / 1000).toFixed(1));
    // All of it under the load, and with those who come again.
    await stage.pass(Math.max(0, back + DRAINED_MS - performance.now()));
    if (!(await stage.caughtUp(SETTLED_MS, LONG_MS)))
      stage.fail(`the backlog was not gone ${DRAINED_MS / 1000} s after the store's return`);
  },
  judge(stage) {
    const { slowestMs, broken } = stage.load.counts();
    const slow = stage.load.slowerThan(ANSWER_MS);
    stage.figure('answers slower than 1 s', slow);
    const why = `${slow} answers took longer than ${ANSWER_MS} ms, the slowest ${slowestMs} ms`;
    return [...(slow === 0 ? [] : [why]), ...(broken === 0 ? [] : [`${broken} requests got no answer at all`])];
  },
};
