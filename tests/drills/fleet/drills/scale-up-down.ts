import type { Drill } from '../drill.js';
import type { Member } from '../member.js';

export const scaleUpDown: Drill = {
  name: 'scale-up-down',
  about: 'workers go from 5 to 10 and down to 3 under load: newcomers take work, those who leave leave none behind',
  scale: { workers: 5 },
  async fault(stage) {
    const most = stage.options.workers * 2;
    const least = Math.max(1, Math.floor(stage.options.workers * 0.6));
    const newcomers: Member[] = [];
    await stage.fault(`workers: ${stage.options.workers} to ${most}`, stage.leaseMs, async () => {
      while (stage.workers.length < most) {
        const worker = await stage.add('worker');
        await worker.start();
        newcomers.push(worker);
      }
    });
    await stage.pass(5_000);
    for (const worker of newcomers) {
      const claims = (await worker.metrics())?.('signalbox_claims_total') ?? 0;
      if (claims === 0) stage.fail(`${worker.name} came and was given no work`);
    }
    await stage.fault(`workers: ${most} to ${least}`, stage.leaseMs, async () => {
      const leaving = stage.workers.slice(least);
      const ended = await Promise.all(leaving.map(async (worker) => ({ worker, how: await worker.stop() })));
      for (const { worker, how } of ended) {
        if (how?.code !== 0) stage.fail(`${worker.name} did not end in order: ${how?.signal ?? `exit code ${how?.code}`}`);
      }
    });
    await stage.pass(3_000);
  },
};
