import { type Check, type Finding, hold } from '../check.js';
import type { World } from '../world.js';

const WITHIN_MS = 180_000;
const ONLY_EMBEDDED = 'starts a server of its own: measured with --target embedded';

/** Short, on a server of its own; leaves nothing behind. */
async function soaked(world: World, workload: 'idle' | 'messages'): Promise<string> {
  const kept = ['--report=/dev/null', '--history=/dev/null'];
  const argv = ['npm', 'run', '--silent', 'soak', '--', '--duration=20s', '--every=10s', `--workload=${workload}`, ...kept];
  const { stdout } = await world.succeed(argv, { withinMs: WITHIN_MS });
  const checks = stdout.split('\n').filter((line) => line.startsWith('ok '));
  hold(checks.length >= 2 && /^PASSED$/m.test(stdout), 'two checks that hold, and PASSED', stdout);
  return `a soak of 20 s (${workload}): ${checks.at(-1)?.replace(/^ok +/, '')}`;
}

async function idle(world: World): Promise<string> {
  return soaked(world, 'idle');
}

async function firstHour(world: World): Promise<Finding> {
  return { seen: await soaked(world, 'messages'), open: 'the first hour: npm run soak -- --duration=1h --every=10m' };
}

async function runner(world: World): Promise<Finding> {
  const seen = await soaked(world, 'messages');
  const { stdout } = await world.succeed(['npm', 'run', '--silent', 'simulate', '--', '--hours', '48'], { withinMs: WITHIN_MS });
  const last = stdout.trim().split('\n').at(-1) ?? '';
  hold(/^48 virtual hours .*: every rule held$/.test(last), '48 virtual hours in which every rule holds', last);
  return { seen: `${last}; ${seen}`, open: 'a real soak of 48 h: npm run soak -- --duration=48h --every=1h' };
}

/** What lasts, as far as a check can wait for it. */
export const SOAKS: readonly Check[] = [
  { id: 'MSG-10', on: ['embedded'], elsewhere: ONLY_EMBEDDED, withinMs: WITHIN_MS, run: idle },
  { id: 'REL-09', on: ['embedded'], elsewhere: ONLY_EMBEDDED, withinMs: WITHIN_MS, run: firstHour },
  { id: 'X-37', on: ['embedded'], elsewhere: ONLY_EMBEDDED, withinMs: 2 * WITHIN_MS, run: runner },
];
