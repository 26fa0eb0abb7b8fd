import { type Drill, RESTART_MS } from '../drill.js';
import { type MessageFindings, storedLate } from '../messages/evidence.js';
import { MESSAGE_WORK } from '../messages/work.js';

/** Longer than anybody waits for an answer of Redis. */
const DOWN_MS = 3_000;
/** What was on its way when it was killed is over, or was lost with it. */
const MISSED_AFTER_MS = 1_000;

/** The log itself goes away in the middle of everything: what it had acknowledged is there when it comes back. */
export const streamRedisRestart: Drill<MessageFindings> = {
  name: 'stream-redis-restart',
  about:
    'kills the Redis of the message log (appendfsync always) with kill -9 and starts it again, --cycles times: nothing acknowledged is gone',
  work: MESSAGE_WORK,
  scale: { rate: 60, cycles: 3 },
  async fault(stage) {
    for (let cycle = 0; cycle < stage.options.cycles; cycle += 1) {
      await stage.pass(stage.random.between(0, 1_000));
      await stage.fault('stream Redis: kill -9 and start', null, async () => {
        await stage.servers.redis.kill();
        await stage.pass(MISSED_AFTER_MS);
        const { accepted } = stage.load.counts();
        await stage.pass(DOWN_MS - MISSED_AFTER_MS);
        const meanwhile = stage.load.counts().accepted - accepted;
        if (meanwhile > 0) stage.fail(`${meanwhile} messages were accepted without a log`);
        await stage.servers.redis.start();
      });
      const back = performance.now();
      if (!(await stage.caughtUp(RESTART_MS))) stage.fail(`not caught up ${RESTART_MS / 1000} s after Redis had come back`);
      stage.figure(`caught up after return ${cycle + 1}, s`, ((performance.now() - back) / 1000).toFixed(1));
      await stage.pass(2_000);
    }
  },
  judge: (_stage, { histories }) => storedLate(histories),
};
