import type { Drill } from '../drill.js';

export const rollingRestart: Drill = {
  name: 'rolling-restart',
  about: 'APIs and workers are stopped and started one after the other under load, --cycles times: no request fails',
  scale: { cycles: 2, rate: 40 },
  async fault(stage) {
    const before = stage.load.counts();
    let slowestMs = 0;
    for (let cycle = 0; cycle < stage.options.cycles; cycle += 1) {
      for (const member of stage.members) {
        await stage.fault(`${member.name}: SIGTERM and start`, stage.leaseMs, async () => {
          const askedAt = performance.now();
          const ended = await member.stop();
          slowestMs = Math.max(slowestMs, performance.now() - askedAt);
          if (ended?.code !== 0) stage.fail(`${member.name} did not end in order: ${ended?.signal ?? `exit code ${ended?.code}`}`);
          await member.start();
        });
        await stage.pass(500);
      }
    }
    const after = stage.load.counts();
    const failed = after.failedRequests - before.failedRequests;
    stage.figure('restarts', stage.options.cycles * stage.members.length);
    stage.figure('longest drain, ms', Math.round(slowestMs));
    stage.figure('requests meanwhile', after.offered - before.offered);
    stage.figure('requests that failed behind the balancer', failed);
    stage.figure('single tries refused or broken', after.broken + after.unavailable - before.broken - before.unavailable);
    if (failed > 0) stage.fail(`${failed} requests failed`);
  },
};
