import { type Check, hold, same, Unmeasured } from '../check.js';
import { type Container, composeFile, containers, serviceOf } from '../containers.js';
import type { World } from '../world.js';
import { servicesIn } from './files.js';

const ON = { on: ['compose'], elsewhere: 'about the containers: measured with --target compose' } as const;

/** What others wait for to have ended: it has nothing to do once it has. */
function oneShot(world: World): readonly string[] {
  const waits = Object.values(servicesIn(world, composeFile(world))).flatMap(({ depends_on = {} }) => Object.entries(depends_on));
  return [...new Set(waits.filter(([, { condition }]) => condition === 'service_completed_successfully').map(([name]) => name))];
}

async function allHealthy(world: World): Promise<string> {
  const all = await containers(world);
  const once = oneShot(world);
  const ended = all.filter((one) => once.includes(serviceOf(one)));
  for (const { Name, State } of ended) same([State.Status, State.ExitCode], ['exited', 0], `the end of ${Name}`);
  // Whoever else has ended is missing, even if in order.
  const alive = all.filter((one) => !ended.includes(one));
  hold(
    alive.length > 0,
    'running containers',
    all.map(({ Name, State }) => [Name, State.Status]),
  );
  for (const { Name, Config, State } of alive) {
    const [kind = 'NONE'] = Config.Healthcheck?.Test ?? [];
    hold(kind !== 'NONE', `a health check of ${Name}`, Config.Healthcheck);
    same([State.Status, State.Health?.Status], ['running', 'healthy'], `the state of ${Name}`);
  }
  return `${alive.length} containers, each with a health check, all healthy; one-shot services that ended with 0: ${ended.length} (${once.join(', ')})`;
}

/** Containers that are further apart than this were not made by one `up`. */
const ANOTHER_UP_MS = 60_000;
const READY_WITHIN_MS = 30_000;
/** So long its log is looked through for the first "ready". */
const LOOKED_THROUGH_MS = 300_000;

/** Containers by the `up` that made them, in the order of their making. */
function ups(all: readonly Container[]): readonly (readonly [Container, ...Container[]])[] {
  const groups: [Container, ...Container[]][] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const one of [...all].sort((a, b) => madeAt(a) - madeAt(b))) {
    if (madeAt(one) - last > ANOTHER_UP_MS) groups.push([one]);
    else groups.at(-1)?.push(one);
    last = madeAt(one);
  }
  return groups;
}

function madeAt({ Created }: Container): number {
  return Date.parse(Created);
}

/** When its process first said that it is ready, whatever became of it since; null: the log does not go back so far. */
async function firstReady(world: World, { Id, Created }: Container): Promise<number | null> {
  const until = new Date(Date.parse(Created) + LOOKED_THROUGH_MS).toISOString();
  const { stdout } = await world.succeed(['docker', 'logs', '--until', until, Id], { env: world.site.environment });
  const line = stdout.split('\n').find((one) => one.includes('"msg":"ready"'));
  return line === undefined ? null : Date.parse((JSON.parse(line) as { time: string }).time);
}

/**
 * From `up`, which is when the first container of the stack was made, to the line in which each process says that it is ready:
 * servers and migration that it waits for are part of it. One that was restarted since is known by its first start; one
 * that was made anew, or the elastic ones that came later, by nothing.
 */
async function startTimes(world: World) {
  const [first] = ups(await containers(world));
  hold(first !== undefined, 'containers', 'none');
  const own = first.filter((one) => /^(api|worker)-\d+$/.test(serviceOf(one)));
  const services = Object.keys(servicesIn(world, composeFile(world))).filter((name) => /^(api|worker)-\d+$/.test(name));
  const upAt = madeAt(first[0]);
  const took = new Map<string, number>();
  for (const one of own) {
    const at = await firstReady(world, one);
    if (at !== null) took.set(serviceOf(one), at - upAt);
  }
  world.note({
    upAt: new Date(upAt).toISOString(),
    made: first.map(({ Name, Created }) => [Name, Created]),
    took: Object.fromEntries(took),
  });
  if (took.size === 0) {
    throw new Unmeasured('no API or worker is left of those that came with the stack: take it down, and up again, and measure then');
  }
  const times = [...took.values()];
  hold(Math.min(...times) > 0 && Math.max(...times) < READY_WITHIN_MS, 'each ready within 30 s of up', Object.fromEntries(took));
  const seen = `${took.size} processes ready ${Math.min(...times)} to ${Math.max(...times)} ms after up`;
  const left = services.filter((name) => !took.has(name));
  return left.length === 0 ? seen : { seen, open: `not told by what is there: ${left.join(', ')}, made anew or not started` };
}

/** Whether the stack is up, and how soon. */
export const STARTING: readonly Check[] = [
  { id: 'INF-05', ...ON, run: allHealthy },
  { id: 'INF-09', ...ON, run: startTimes },
];
