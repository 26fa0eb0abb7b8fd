import type { Drill } from './drill.js';
import { alert } from './drills/alert.js';
import { autoscale } from './drills/autoscale.js';
import { brokerRestart } from './drills/broker-restart.js';
import { clockJump } from './drills/clock-jump.js';
import { lostReply } from './drills/lost-reply.js';
import { poison } from './drills/poison.js';
import { rebalanceStorm } from './drills/rebalance-storm.js';
import { redisRestart } from './drills/redis-restart.js';
import { repartition } from './drills/repartition.js';
import { reset } from './drills/reset.js';
import { rollingRestart } from './drills/rolling-restart.js';
import { scaleUpDown } from './drills/scale-up-down.js';
import { slow } from './drills/slow.js';
import { slowProvider } from './drills/slow-provider.js';
import { storeDown } from './drills/store-down.js';
import { storeRestart } from './drills/store-restart.js';
import { streamCacheFlush } from './drills/stream-cache-flush.js';
import { streamConsumerCrash } from './drills/stream-consumer-crash.js';
import { streamPoison, streamPoisonHold } from './drills/stream-poison.js';
import { streamRedisRestart } from './drills/stream-redis-restart.js';
import { streamStoreDown } from './drills/stream-store-down.js';
import { streamZombie } from './drills/stream-zombie.js';
import { thunderingHerd } from './drills/thundering-herd.js';
import { workerCrash } from './drills/worker-crash.js';
import { zombie } from './drills/zombie.js';

/**
 * Every drill of a fleet, in the order in which `all` runs them. To add one: a file in `drills/` that exports a {@link Drill},
 * and a line here. The stage does the rest (servers, processes, sink, load, ledgers, rest, scorecard):
 *
 * - `fault(stage)` runs under load. `stage.workers`/`stage.apis` are processes by name (`kill`, `pause`, `resume`, `stop`,
 *   `start(settings for this life)`, `metrics()`), `stage.servers.mongodb|rabbitmq|redis` are the servers (`kill`, `start`,
 *   `pause`, `resume`), `stage.proxies` the proxies of those named in `proxied` (`down`, `up`, `toxic`, `clear`).
 * - What is bad goes inside `stage.fault(name, allowedMs, …)`, so that times to recover are measured from its end, and e-mails
 *   held because of it are right; `stage.fail(…)` for what must not be; `stage.figure(…)` for the scorecard.
 * - `work` is what the fleet is given to do, with its witnesses and its judge: notifications, unless it says otherwise.
 * - `offerOf` decides what is offered (see `offer` in `load.ts`), `settings` go to every process, `judge` looks at the
 *   evidence when all is at rest.
 */
export const DRILLS: readonly Drill<unknown>[] = [
  workerCrash,
  zombie,
  storeRestart,
  brokerRestart,
  redisRestart,
  storeDown,
  rollingRestart,
  scaleUpDown,
  lostReply,
  reset,
  slow,
  clockJump,
  poison,
  slowProvider,
  thunderingHerd,
  alert,
  autoscale,
  streamConsumerCrash,
  streamZombie,
  streamRedisRestart,
  streamStoreDown,
  rebalanceStorm,
  streamPoison,
  streamPoisonHold,
  repartition,
  streamCacheFlush,
];
