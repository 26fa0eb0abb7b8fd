import { openMongo } from '../adapters/mongo/mongo.js';
import { openRabbit } from '../adapters/rabbitmq/rabbitmq.js';
import type { RedisStreams } from '../adapters/redis-streams/redis-streams.js';
import type { Config } from '../config.js';
import { SignalboxError } from '../errors.js';
import { createBreakers } from '../pipeline/breaker.js';
import type { Rates } from '../ports/rates.js';
import { type GuardDeps, guardQueue, guardRedis, guardStore, SERVER_BREAKER } from '../runtime/guarded.js';
import type { Log } from '../telemetry/log.js';
import type { BackendOptions, Backends } from './backends.js';

/** A worker's commands may take longer than an API's: nobody waits at its door. */
const WORKER_ANSWER_MS = 5_000;

type Connection = 'connected' | 'disconnected' | 'reconnected';

/** MongoDB, RabbitMQ and, where there is one, Redis. Rejects when the store or the broker refuses us for good (wrong password, old indexes). */
export async function openCluster(options: BackendOptions): Promise<Backends> {
  const { config, clock, timers, log } = options;
  const { mongodb, rabbitmq, redis } = config.servers;
  if (mongodb === null || rabbitmq === null) throw new SignalboxError('store-refused', 'a cluster needs MONGODB_URI and RABBITMQ_URL');
  const told = (name: string) => (event: Connection, detail: string) => {
    say(log, name, event, detail);
    options.connection(name, event);
  };
  const { watch } = options;
  // Around our own servers, each with a breaker of its own; what one process learns of them it does not tell the others.
  const deps: GuardDeps = { breakers: createBreakers(clock, SERVER_BREAKER, watch), timers, watch };
  const answerMs = config.roles.has('api') ? config.storeAnswerMs : WORKER_ANSWER_MS;
  const store = await openMongo({
    uri: mongodb.uri,
    appName: config.workerId,
    budget: config.mongodbMaxPoolSize,
    processes: processesOf(config),
    clock,
    timers,
    inboxKeep: config.inboxKeep,
    answerMs,
    migrate: config.migrateAtStart,
    onConnection: told('mongodb'),
  });
  const broker = await openBroker(options, rabbitmq.url, told('rabbitmq'));
  let processes = processesOf(config);
  const ownShare: Rates = {
    take: (provider, rate, inLine) => options.ownRates.take(provider, rate === undefined ? rate : rate / processes, inLine),
  };
  const shared = redis === null ? null : await openShared({ ...options, ownRates: ownShare }, redis.url, deps, told('redis'));
  const stream = redis === null ? null : await openStream(options, redis.url, deps, told('redis-streams'));
  const { probe, close, connections, share, ...ports } = store;
  return {
    ...guardStore(ports, { ...deps, answerMs }),
    queue: guardQueue(broker.queue, deps),
    ...(shared === null ? {} : { news: shared.news, rates: shared.rates, requestLimit: shared.requestLimit }),
    stream,
    kind: 'cluster',
    probes: { database: probe, messageQueue: broker.probe, redis: shared === null ? null : shared.probe },
    connections,
    ...(shared === null ? {} : { redisConnections: () => shared.connections() + (stream?.connections() ?? 0) }),
    share(count) {
      processes = Math.max(1, count);
      share(processes);
    },
    async close() {
      // The broker first: what it still holds goes back to it, and nothing that it hands out needs the store any more.
      await broker.close();
      await shared?.close();
      await stream?.close();
      await close();
    },
  };
}

function openBroker(
  { config, clock, timers, watch }: BackendOptions,
  url: string,
  onConnection: (event: Connection, detail: string) => void,
) {
  return openRabbit({
    url,
    group: config.rabbitmqConsumerGroup,
    name: config.workerId,
    clock,
    timers,
    onConnection,
    onUnreadable: (queue) =>
      watch({ kind: 'trouble', where: 'queue.unreadable', error: new Error(`a message in ${queue} was none of ours and was dropped`) }),
  });
}

async function openShared(
  { config, timers, chance, ownRates, log }: BackendOptions,
  url: string,
  deps: GuardDeps,
  onConnection: (event: Connection, detail: string) => void,
) {
  const { openRedis } = await import('../adapters/redis/redis.js');
  const shared = await openRedis({ url, name: config.workerId, timers, chance, fallback: ownRates, guard: guardRedis(deps), onConnection });
  // A server that is away now keeps nobody from starting; it is looked at when somebody restarts us.
  const facts = await shared.facts().catch(() => null);
  for (const warning of facts?.warnings ?? []) log.warn({ server: 'redis' }, warning);
  return shared;
}

/**
 * The log of messages, in a database of its own. Rejects in production where the server would lose what it was given: it alone has
 * a message until that is stored.
 */
async function openStream(
  { config, clock, timers, chance, log }: BackendOptions,
  url: string,
  deps: GuardDeps,
  onConnection: (event: Connection, detail: string) => void,
): Promise<RedisStreams> {
  const { openRedisStreams } = await import('../adapters/redis-streams/redis-streams.js');
  const { redisStreamDb: db, redisKeyPrefix, workerId: name, idempotencyTtlMs: rememberMs } = config;
  const prefix = redisKeyPrefix ?? '';
  const guard = guardRedis(deps, 'redis-streams');
  const stream = await openRedisStreams({ url, db, prefix, name, clock, timers, chance, guard, rememberMs, onConnection });
  // One that is away now is looked at when somebody restarts us.
  const weaknesses = (await stream.durability().catch(() => null))?.weaknesses ?? [];
  for (const weakness of weaknesses) log.warn({ server: 'redis-streams' }, weakness);
  if (config.production && weaknesses.length > 0) {
    await stream.close();
    throw new SignalboxError('store-refused', weaknesses.join('. '));
  }
  return stream;
}

/** The first guess at the size of the fleet, until the registry tells. */
function processesOf(config: Config): number {
  return Math.max(1, config.numWorkers + config.numApiInstances);
}

function say(log: Log, name: string, event: Connection, detail: string): void {
  if (event === 'disconnected') log.warn({ server: name, detail }, `${name} disconnected: will reconnect`);
  else log.info({ server: name, detail }, event === 'reconnected' ? `${name} reconnected` : `${name} connected`);
}
