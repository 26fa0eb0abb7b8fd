import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Check, Failure, hold, Unmeasured } from '../check.js';
import type { World } from '../world.js';

/** The last result of each drill that was run from here. */
const RESULTS = 'data/drills';
const DRILL_MS = 900_000;

/** As `npm run drill -- NAME --json` prints it. */
interface Result {
  readonly drill: string;
  readonly failures: readonly string[];
  readonly counts: object;
  readonly tookMs: number;
  readonly report: { readonly balance: { readonly accepted: number } };
}

interface Kept {
  readonly at: string;
  readonly commit: string;
  readonly result: Result;
}

async function commitOf(world: World): Promise<string> {
  return (await world.run(['git', 'rev-parse', '--short', 'HEAD'])).stdout.trim();
}

/** Runs it where drills are wanted, else looks at what its last run here came to. */
function lastOf(world: World, name: string): Promise<Kept> {
  const file = join(world.root, RESULTS, `${name}.json`);
  return world.once(`drill ${name}`, async () => {
    if (world.means.withDrills) {
      const ran = await world.run(['npm', 'run', '--silent', 'drill', '--', name, '--json'], { withinMs: DRILL_MS });
      const line = ran.stdout.split('\n').find((one) => one.startsWith('{'));
      if (line === undefined) throw new Failure(`a result of the drill ${name}`, `${ran.code}: ${ran.stderr}`);
      const kept: Kept = { at: new Date().toISOString(), commit: await commitOf(world), result: JSON.parse(line) as Result };
      mkdirSync(join(world.root, RESULTS), { recursive: true });
      writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`);
      return kept;
    }
    if (!existsSync(file)) throw new Unmeasured(`the drill ${name} was never run from here: npm run verify -- --with-drills`);
    return JSON.parse(readFileSync(file, 'utf8')) as Kept;
  });
}

/** @throws Failure unless each of these drills passed when it was last run */
export async function passed(world: World, names: readonly string[]): Promise<string> {
  const seen: string[] = [];
  for (const name of names) {
    const { at, commit, result } = await lastOf(world, name);
    world.note({ drill: name, at, commit, result });
    hold(result.drill === name && Array.isArray(result.failures), `a result of ${name}`, result);
    hold(result.failures.length === 0, `the drill ${name} to pass`, result.failures);
    hold(result.report.balance.accepted > 0, `the drill ${name} to have had work`, result.report);
    seen.push(
      `${name} passed ${at.slice(0, 16)} at ${commit} (${result.report.balance.accepted} accepted, ${Math.round(result.tookMs / 1000)} s)`,
    );
  }
  return seen.join('; ');
}

function drilled(id: string, ...names: readonly string[]): Check {
  const elsewhere = 'a drill starts a fleet of its own: measured with --target cluster';
  return { id, on: ['cluster'], elsewhere, withinMs: DRILL_MS * names.length, run: (world) => passed(world, names) };
}

/** Rows that only a drill proves. */
export const DRILLED: readonly Check[] = [
  drilled('REL-08', 'rolling-restart', 'worker-crash', 'store-restart', 'broker-restart'),
  drilled('DRL-04', 'scale-up-down'),
  drilled('DRL-05', 'scale-up-down'),
  drilled('DRL-06', 'worker-crash'),
  drilled('DRL-07', 'store-restart'),
  drilled('DRL-08', 'broker-restart'),
  drilled('X-11', 'worker-crash', 'zombie'),
  drilled('X-14', 'broker-restart'),
  drilled('MSG-14', 'stream-consumer-crash', 'stream-zombie'),
  drilled('X-25', 'repartition'),
];
