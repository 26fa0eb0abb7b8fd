import { type Check, type Finding, hold, same, Unmeasured } from '../check.js';
import { containers, serviceOf } from '../containers.js';
import { acceptMany, allReach } from '../notify.js';
import type { World } from '../world.js';

const NO_BROKER = 'embedded there is no broker: measured with --target cluster or compose';
const FLEET = ['cluster', 'compose'] as const;

interface Queue {
  readonly name: string;
  readonly durable: boolean;
  readonly type?: string;
  readonly messages?: number;
  readonly messages_unacknowledged?: number;
  readonly consumers?: number;
}

/** Asks RabbitMQ’s management. */
async function managed<T>(world: World, path: string): Promise<T> {
  const { management } = world.site;
  if (management === null) throw new Unmeasured('the management of this RabbitMQ is not known: let verify start a cluster of its own');
  const authorization = `Basic ${Buffer.from(`${management.user}:${management.password}`).toString('base64')}`;
  return (await world.expect<T>(200, `${management.url}/api/${path}`, { headers: { authorization } })).body;
}

const GROUP = 'notification-workers';

async function sharedQueue(world: World): Promise<string> {
  const queues = await managed<readonly Queue[]>(world, 'queues');
  hold(Array.isArray(queues), 'a list of queues', queues);
  const own = [GROUP, `${GROUP}.urgent`].map((name) => {
    const queue = queues.find((one) => one.name === name);
    hold(
      queue !== undefined,
      `a queue ${name}`,
      queues.map((one) => one.name),
    );
    return queue;
  });
  for (const { name, durable, type } of own) same([durable, type], [true, 'quorum'], `durability and type of ${name}`);
  for (const { name, consumers = 0 } of own)
    hold(consumers >= world.site.expected.workers, `every worker to consume from ${name}`, consumers);
  return own.map(({ name, consumers }) => `${name}: quorum, durable, ${consumers} consumers`).join('; ');
}

interface Consumer {
  readonly prefetch_count: number;
  readonly queue: { readonly name: string };
}

async function prefetch(world: World): Promise<string> {
  const wanted = Number(world.site.environment['PREFETCH_COUNT'] ?? 10);
  const consumers = (await managed<readonly Consumer[]>(world, 'consumers')).filter(({ queue }) => queue.name.startsWith(GROUP));
  hold(consumers.length > 0, 'consumers', consumers);
  for (const { prefetch_count: count, queue } of consumers)
    hold(count > 0 && count <= wanted, `at most ${wanted} ahead for a consumer of ${queue.name}`, count);
  let most = 0;
  let over = false;
  const watching = (async () => {
    while (!over) {
      const unacked = (await managed<readonly Queue[]>(world, 'queues')).map((queue) => queue.messages_unacknowledged ?? 0);
      most = Math.max(most, ...unacked);
      await world.pause(200);
    }
  })();
  try {
    await allReach(world, await acceptMany(world, 200, (n) => ({ userId: `verify-prefetch-${n % 20}` })), 'delivered');
  } finally {
    over = true;
    await watching;
  }
  const ceiling = wanted * consumers.length;
  hold(most <= ceiling, `at most ${ceiling} unacknowledged`, most);
  return `${consumers.length} consumers with a prefetch of at most ${wanted}; at most ${most} unacknowledged under 200 notifications`;
}

async function depth(world: World): Promise<string> {
  const queue = await managed<Queue>(world, `queues/%2F/${GROUP}`);
  hold(typeof queue.messages === 'number', '.messages of the queue', queue);
  return `.messages of ${GROUP}: ${queue.messages}`;
}

async function authenticated(world: World): Promise<Finding> {
  const { management } = world.site;
  if (management === null) throw new Unmeasured('the management of this RabbitMQ is not known');
  same((await world.call(`${management.url}/api/overview`)).status, 401, 'the management without a name');
  const { status } = await world.call(`${management.url}/api/overview`, { headers: { authorization: `Basic ${btoa('nobody:nothing')}` } });
  same(status, 401, 'the management with a wrong password');
  const seen = await sharedQueue(world);
  const backups = 'backups of its data, which are not built';
  if (world.site.compose === null) return { seen, open: `where its data are kept (measured with --target compose), and ${backups}` };
  const mounts = (await containers(world)).find((one) => serviceOf(one) === 'rabbitmq')?.Mounts ?? [];
  const kept = mounts.find(({ Type, Destination }) => Type === 'volume' && Destination === '/var/lib/rabbitmq');
  hold(kept !== undefined, 'a volume at /var/lib/rabbitmq', mounts);
  return { seen: `${seen}; its data are in the volume ${kept.Name}`, open: backups };
}

/** What RabbitMQ itself says. */
export const SERVERS: readonly Check[] = [
  { id: 'ENV-06', on: FLEET, elsewhere: NO_BROKER, run: prefetch },
  { id: 'ENV-12', on: FLEET, elsewhere: NO_BROKER, run: sharedQueue },
  { id: 'API-24', on: FLEET, elsewhere: NO_BROKER, run: depth },
  { id: 'X-33', on: FLEET, elsewhere: NO_BROKER, run: depth },
  { id: 'INF-03', on: FLEET, elsewhere: NO_BROKER, run: authenticated },
];
