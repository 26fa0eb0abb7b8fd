import { type Check, type Finding, hold, same } from '../check.js';
import { inside, serviceNamed } from '../containers.js';
import type { World } from '../world.js';

const ON = { on: ['compose'], elsewhere: 'about the containers: measured with --target compose' } as const;

/** Asks the Redis that nothing may be lost from. The server’s own password is in its environment. */
async function asked(world: World, command: string): Promise<string> {
  const service = await serviceNamed(world, /^redis$/);
  return (await inside(world, service, ['sh', '-c', `REDISCLI_AUTH="\${REDIS_PASSWORD:-}" redis-cli ${command}`])).stdout;
}

async function memory(world: World): Promise<string> {
  const said = await asked(world, 'CONFIG GET maxmemory');
  const bytes = Number(said.trim().split(/\s+/).at(-1));
  hold(bytes > 0, 'a cap of Redis’ memory', said);
  return `maxmemory ${bytes}`;
}

async function policy(world: World): Promise<string> {
  const evicts = await asked(world, 'CONFIG GET maxmemory-policy');
  hold(/noeviction/.test(evicts), 'noeviction', evicts);
  const aof = await asked(world, 'CONFIG GET appendonly');
  hold(/\byes\b/.test(aof), 'an append-only file', aof);
  const fsync = await asked(world, 'CONFIG GET appendfsync');
  hold(/\balways\b/.test(fsync), 'every write on the disk before it is answered', fsync);
  return 'noeviction, appendonly yes, appendfsync always';
}

async function policyAlone(world: World): Promise<Finding> {
  const open = 'that production refuses another one at start, and answers 507 when it is full: npm test -- tests/adapters/redis';
  return { seen: await policy(world), open };
}

/** `name:value` of an answer to INFO. */
function fieldsOf(info: string): Readonly<Record<string, string>> {
  return Object.fromEntries(info.split(/\r?\n/).flatMap((line) => (/^\w+:/.test(line) ? [line.split(':', 2) as [string, string]] : [])));
}

async function provisioned(world: World): Promise<Finding> {
  const seen = [await memory(world), await policy(world)];
  const info = fieldsOf(await asked(world, 'INFO persistence'));
  same(
    [info['loading'], info['aof_enabled'], info['aof_last_write_status'], info['aof_last_bgrewrite_status']],
    ['0', '1', 'ok', 'ok'],
    'loading, aof_enabled, aof_last_write_status and aof_last_bgrewrite_status',
  );
  const stranger = await inside(world, 'redis', ['sh', '-c', 'env -u REDISCLI_AUTH redis-cli PING 2>&1 || true']);
  hold(/NOAUTH/.test(stranger.stdout), 'somebody without the password to be refused', stranger.stdout);
  return {
    seen: `${seen.join(', ')}; INFO persistence: aof enabled, last write ok; without the password refused`,
    open: 'TLS (it is in the inner network alone: INF-06), and backups of it, which are not built yet',
  };
}

/** What the stack’s Redis says of itself. */
export const REDIS: readonly Check[] = [
  { id: 'ENV-10', ...ON, run: memory },
  { id: 'X-19', ...ON, run: policyAlone },
  { id: 'INF-01', ...ON, run: provisioned },
];
