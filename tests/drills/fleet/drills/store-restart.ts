import { type Drill, RESTART_MS } from '../drill.js';

const DOWN_MS = 1_000;

export const storeRestart: Drill = {
  name: 'store-restart',
  about: 'kills the store with kill -9 and starts it again on its data, --cycles times',
  scale: { cycles: 2 },
  async fault(stage) {
    for (let cycle = 0; cycle < stage.options.cycles; cycle += 1) {
      await stage.fault('store: kill -9 and start', RESTART_MS + stage.leaseMs, async () => {
        await stage.servers.mongodb.kill();
        await stage.pass(DOWN_MS);
        await stage.servers.mongodb.start();
      });
      await stage.caughtUp(60_000);
      await stage.pass(2_000);
    }
  },
};
