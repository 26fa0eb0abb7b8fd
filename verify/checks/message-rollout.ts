import { type Check, hold, same } from '../check.js';
import { history, message, post, stored } from '../message.js';
import { fresh } from '../notify.js';
import type { World } from '../world.js';
import { fileIn } from './files.js';
import { memberOf } from './message-servers.js';
import { judged } from './settings.js';

const SHARE_PERCENT = 50;
const CONVERSATIONS = 60;
/** A fair coin thrown sixty times falls outside of these once in a hundred thousand times. */
const LEAST = 13;

/** A share of conversations goes through the log, and each of them always the same way. */
async function share(world: World): Promise<string> {
  const { url } = await world.server({ ...memberOf(world), INGRESS_QUEUED_PERCENT: String(SHARE_PERCENT) });
  let queued = 0;
  for (let n = 0; n < CONVERSATIONS; n += 1) {
    const conversationId = fresh('room');
    const { state } = await post(world, message({ conversationId }), url);
    if (state === 'pending') queued += 1;
    // What waits in the log draws its conversation's next message behind it: that is another reason.
    else same((await post(world, message({ conversationId }), url)).state, state, 'the way of the second message of a conversation');
  }
  hold(queued >= LEAST && queued <= CONVERSATIONS - LEAST, `about ${SHARE_PERCENT} % of ${CONVERSATIONS} through the log`, queued);
  return `${queued} of ${CONVERSATIONS} conversations through the log at ${SHARE_PERCENT} %, the others stored directly, each time the same way`;
}

/** Over a restart: what was accepted without consumers is stored as soon as there are some. */
async function switchedOff(world: World): Promise<string> {
  const off = await world.server({ ENABLE_STREAM_CONSUMERS: 'false' });
  const body = message();
  same((await post(world, body, off.url)).state, 'pending', 'the state in the answer');
  await world.pause(1_000);
  same((await history(world, body['conversationId'], off.url)).length, 0, 'rows with consumers off');
  await off.kill();
  const on = await world.server({ DATA_DIR: off.dataDir, ENABLE_STREAM_CONSUMERS: 'true' });
  await stored(world, body['conversationId'], 1, on.url);
  return 'accepted and not stored after 1 s with consumers off; stored by the next start with consumers on';
}

async function parts(): Promise<string> {
  const servers = { MONGODB_URI: 'mongodb://localhost/x', RABBITMQ_URL: 'amqp://localhost' };
  const url = (settings: Readonly<Record<string, string>>) => judged({ ...servers, ...settings }).config?.servers.redis?.url ?? '';
  same(new URL(url({ REDIS_HOST: 'a.example' })).host, 'a.example:6379', 'host and default port of the parts');
  const whole = new URL(url({ REDIS_HOST: 'a.example', REDIS_PORT: '6390', REDIS_PASSWORD: 'p' }));
  same([whole.hostname, whole.port, whole.password], ['a.example', '6390', 'p'], 'host, port and password of the parts');
  same(
    new URL(url({ REDIS_URL: 'redis://b.example:7000', REDIS_HOST: 'a.example' })).host,
    'b.example:7000',
    'REDIS_URL beside REDIS_HOST',
  );
  return 'REDIS_HOST, REDIS_PORT and REDIS_PASSWORD make the address; REDIS_URL wins';
}

/** The rule is there, and its test has a case in which it fires and one in which it does not. */
function rule(alert: string, expr: string, severity: string, duration: string) {
  return async (world: World): Promise<string> => {
    const rules = fileIn(world, 'prometheus/alerts/phase3-queue.yml');
    const [, own = ''] = rules.split(`- alert: ${alert}\n`);
    const said = own.split('- alert: ')[0] ?? '';
    for (const line of [`expr: ${expr}\n`, `for: ${duration}\n`, `severity: ${severity}`])
      hold(said.includes(line), `${alert} with ${line}`, said);
    const tests = fileIn(world, 'prometheus/tests/phase3-queue.test.yml')
      .split('\n')
      .filter((line) => line.includes(`alertname="${alert}",alertstate="firing"`));
    const values = new Set(tests.map((line) => /value: (\d+)/.exec(line)?.[1]));
    same([...values].sort(), ['0', '1'], `how often ${alert} fires in its tests`);
    return `${expr} for ${duration}, ${severity}; fires and keeps silent in ${tests.length} cases of its tests (npm test -- tests/monitoring)`;
  };
}

const OF_SERVERS = 'a start of the program by itself: measured with --target embedded';
const NEEDS_FLEET = 'needs the addresses of the fleet’s servers: measured with --target embedded and cluster';

/** How messages are brought into use step by step, and who is told when that goes wrong. */
export const MESSAGE_ROLLOUT: readonly Check[] = [
  { id: 'DEP-02', on: ['embedded', 'cluster'], elsewhere: NEEDS_FLEET, run: share },
  { id: 'ENV-16', run: parts },
  { id: 'ENV-22', on: ['embedded'], elsewhere: OF_SERVERS, run: switchedOff },
  { id: 'ALR-01', run: rule('QueuePartitionLagHigh', 'stream_partition_lag > 1000', 'warning', '5m') },
  { id: 'ALR-02', run: rule('QueueDLQRateHigh', 'rate(stream_dead_letter_total[5m]) > 10', 'critical', '5m') },
  {
    id: 'ALR-03',
    run: rule('ConsumerProcessingErrors', 'rate(stream_consumer_processed_total{status="error"}[5m]) > 1', 'warning', '5m'),
  },
  { id: 'ALR-07', run: rule('MessageLagCritical', 'signalbox:message_lag > 10000', 'critical', '1m') },
  { id: 'ALR-17', run: rule('IdempotentHitRateHigh', 'signalbox:idempotent_hit_ratio:rate15m > 0.1', 'warning', '10m') },
  { id: 'MSG-12', run: rule('IdempotentHitRateHigh', 'signalbox:idempotent_hit_ratio:rate15m > 0.1', 'warning', '10m') },
];
