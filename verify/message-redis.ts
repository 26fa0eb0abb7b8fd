import { Redis } from 'ioredis';
import { Unmeasured } from './check.js';
import { inside, serviceNamed } from './containers.js';
import { STREAM } from './message.js';
import type { World } from './world.js';

const DB = '1';

/**
 * Asks the Redis that the log of messages is in, as `redis-cli -n 1` does, and gives all of its answer as one text.
 * @throws Unmeasured where it is not known
 */
export async function askRedis(world: World, command: readonly [string, ...string[]]): Promise<string> {
  const said = world.site.compose === null ? await direct(world, command) : await inContainer(world, command);
  world.note({ redis: command.join(' '), said });
  return said;
}

async function direct(world: World, [name, ...args]: readonly [string, ...string[]]): Promise<string> {
  const url = world.site.environment['REDIS_URL'];
  if (url === undefined) throw new Unmeasured('the address of Redis is not known here');
  const db = Number(world.site.environment['REDIS_STREAM_DB'] ?? DB);
  const client = new Redis(url, { db, lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return JSON.stringify(await client.call(name, ...args));
  } finally {
    client.disconnect();
  }
}

/** The server’s own password is in its environment. */
async function inContainer(world: World, command: readonly string[]): Promise<string> {
  const service = await serviceNamed(world, /^redis$/);
  const ask = `REDISCLI_AUTH="\${REDIS_PASSWORD:-}" redis-cli -n ${DB} "$@"`;
  return (await inside(world, service, ['sh', '-c', ask, 'redis-cli', ...command])).stdout;
}

/** The stream that a conversation is in. */
export async function streamOf(world: World, conversation: unknown): Promise<string> {
  const { body } = await world.expect<{ partition: number }>(200, `${STREAM}/partition?key=${String(conversation)}`);
  return `${world.site.environment['REDIS_KEY_PREFIX'] ?? ''}msg:stream:${body.partition}`;
}
