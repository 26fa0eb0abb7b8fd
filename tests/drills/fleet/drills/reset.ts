import { type Drill, RESTART_MS } from '../drill.js';
import type { ServerName } from '../stage.js';

const NAMES: readonly ServerName[] = ['mongodb', 'rabbitmq', 'redis'];
/** Everything that is said within it is answered by a reset; who comes again too early is reset again. */
const RESET_MS = 300;

export const reset: Drill = {
  name: 'reset',
  about: 'connections to MongoDB, RabbitMQ and Redis are reset in the middle of what is said, --cycles times each',
  scale: { cycles: 3 },
  proxied: NAMES,
  // With a rate, or nobody would ask Redis for anything.
  settings: { WEBHOOK_RATE_PER_SECOND: '500', SMS_RATE_PER_SECOND: '500' },
  async fault(stage) {
    for (let cycle = 0; cycle < stage.options.cycles; cycle += 1) {
      for (const name of NAMES) {
        const proxy = stage.proxies[name];
        await stage.fault(`${name}: connections reset`, RESTART_MS + stage.leaseMs, async () => {
          // In both directions: a question that was cut off, and an answer.
          await proxy?.toxic('reset_peer', { timeout: stage.random.between(0, 100) }, cycle % 2 === 0 ? 'downstream' : 'upstream');
          await stage.pass(RESET_MS);
          await proxy?.clear();
        });
        if (!(await stage.caughtUp(60_000))) stage.fail(`not caught up 60 s after ${name} was there again`);
        await stage.pass(1_000);
      }
    }
  },
  judge(stage) {
    const { broken, slowestMs } = stage.load.counts();
    return [
      ...(broken > 0 ? [`${broken} requests got no answer at all`] : []),
      ...(slowestMs > 2_000 ? [`the slowest answer took ${slowestMs} ms, 2000 allowed`] : []),
    ];
  },
};
