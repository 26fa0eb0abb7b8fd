/** Contestant "signalbox": the adapter as the program uses it; each wake-up is acked by itself. */
import type * as RabbitModule from '../../src/adapters/rabbitmq/rabbitmq.js';
import type * as ClockModule from '../../src/adapters/system/system-clock.js';
import type * as TimersModule from '../../src/adapters/system/system-timers.js';
import type { Consumption } from '../../src/ports/queue.js';
import { built } from '../built.js';
import { serve } from '../child.js';
import { Exactly } from '../exact.js';
import { meter, type Spent } from '../meter.js';
import { type RabbitPass, seqOf, WINDOW, wakeUpOf } from './rabbitmq.js';

const { openRabbit } = await built<typeof RabbitModule>('adapters/rabbitmq/rabbitmq.js');
const { createSystemClock } = await built<typeof ClockModule>('adapters/system/system-clock.js');
const { createSystemTimers } = await built<typeof TimersModule>('adapters/system/system-timers.js');

let rabbit: RabbitModule.Rabbit;

/** As many calls under way as fill the window. */
async function publish({ items, each }: RabbitPass): Promise<Spent> {
  const spent = meter();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items) {
      const from = next;
      next = Math.min(items, from + each);
      await rabbit.queue.publish(Array.from({ length: next - from }, (_, n) => wakeUpOf(from + n)));
    }
  };
  await Promise.all(Array.from({ length: WINDOW / each }, lane));
  return spent();
}

async function consume({ items }: RabbitPass): Promise<Spent> {
  const seen = new Exactly(items);
  const spent = meter();
  let consumption: Consumption | undefined;
  await new Promise<void>((resolve) => {
    consumption = rabbit.queue.consume(WINDOW, (wakeUps) => {
      for (const wakeUp of wakeUps) {
        seen.tick(seqOf(wakeUp.id));
        void wakeUp.ack();
      }
      if (seen.complete) resolve();
    });
  });
  await consumption?.stop();
  const taken = spent();
  seen.check('signalbox');
  return taken;
}

serve({
  async open(url: string) {
    const timers = createSystemTimers();
    rabbit = await openRabbit({ url, group: 'bench', name: 'bench', timers, clock: createSystemClock(), onConnection: () => {} });
  },
  publish,
  consume,
  left: async () => (await rabbit.queue.depth()).waiting,
  close: () => rabbit.close(),
});
