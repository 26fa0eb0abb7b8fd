import { type Drill, RESTART_MS } from '../drill.js';

/** Longer than anything would wait for an answer of Redis. */
const DOWN_MS = 3_000;

export const redisRestart: Drill = {
  name: 'redis-restart',
  about: 'kills Redis with kill -9 and starts it again, --cycles times: it is missed by nobody',
  scale: { cycles: 2 },
  // With a rate, or nobody would ask Redis for anything.
  settings: { WEBHOOK_RATE_PER_SECOND: '500', SMS_RATE_PER_SECOND: '500' },
  async fault(stage) {
    for (let cycle = 0; cycle < stage.options.cycles; cycle += 1) {
      const before = stage.load.counts();
      await stage.fault('Redis: kill -9 and start', RESTART_MS, async () => {
        await stage.servers.redis.kill();
        await stage.pass(DOWN_MS);
        await stage.servers.redis.start();
      });
      const { failedRequests } = stage.load.counts();
      if (failedRequests > before.failedRequests) stage.fail(`${failedRequests - before.failedRequests} requests failed for want of Redis`);
      await stage.caughtUp(60_000);
      await stage.pass(2_000);
    }
  },
};
