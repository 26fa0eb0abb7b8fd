import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { type Check, Failure, TARGETS, type TargetName, Unmeasured } from '../../verify/check.js';
import { GROUPS } from '../../verify/checks.js';
import { judge, notOn, type Verdict } from '../../verify/judge.js';
import { lyingWorld } from './lying-world.js';

const OF_STREAMS = ['ENV-16', 'ENV-17', 'ENV-18', 'ENV-19', 'ENV-20', 'ENV-21'];
/** Checks of the program's own settings, and of this Node: no world can lie to them; tests/config plants their faults. */
const OF_THE_PROGRAM = new Set(['ENV-03', 'X-13', 'ENV-13', 'X-01', 'ENV-26', 'SEC-01', 'X-38', ...OF_STREAMS]);

async function judged(target: TargetName, checks: readonly Check[]): Promise<readonly Verdict[]> {
  const world = await lyingWorld(target);
  const rows = checks.map(({ id }) => ({ id, section: '', requirement: '', check: '' }));
  try {
    return await judge(rows, { ...world, checks, reasonFor: () => 'none', tell: () => {} });
  } finally {
    await world.end();
  }
}

describe('In a world that says yes to everything and does nothing', () => {
  const cases = TARGETS.flatMap((target) =>
    Object.entries(GROUPS).map(([name, checks]) => [name, target, checks as readonly Check[]] as const),
  );

  test.each(cases)('no check of %s finds its row met on %s', async (_name, target, checks) => {
    const here = checks.filter((check) => notOn(check, target) === null && !OF_THE_PROGRAM.has(check.id));
    const verdicts = await judged(target, here);
    const met = verdicts.filter(({ outcome }) => outcome !== 'failed').map(({ id, outcome, seen, why }) => ({ id, outcome, seen, why }));
    expect(met).toEqual([]);
  });

  test('every group has checks that were put to this test', () => {
    for (const checks of Object.values(GROUPS)) expect(checks.filter(({ id }) => !OF_THE_PROGRAM.has(id)).length).toBeGreaterThan(0);
  });
});

describe('A verdict', () => {
  const row = { id: 'API-01', section: '', requirement: 'r', check: 'c' };
  const verdictOf = async (run: Check['run'], more: Partial<Check> = {}): Promise<Verdict> => {
    const world = await lyingWorld('embedded');
    const directory = mkdtempSync(join(tmpdir(), 'signalbox-evidence-'));
    try {
      const [verdict] = await judge([row], {
        ...world,
        directory,
        checks: [{ id: 'API-01', run, ...more }],
        reasonFor: () => 'no reason',
        tell: () => {},
      });
      return verdict as Verdict;
    } finally {
      await world.end();
    }
  };

  test('is what the check has found, in part where something is open', async () => {
    expect(await verdictOf(() => Promise.resolve('all of it'))).toMatchObject({ outcome: 'passed', seen: 'all of it' });
    expect(await verdictOf(() => Promise.resolve({ seen: 'half', open: 'the other' }))).toMatchObject({
      outcome: 'in part',
      open: 'the other',
    });
  });

  test('is failed for whatever is thrown, and not checked only where the check says so', async () => {
    expect(await verdictOf(() => Promise.reject(new Failure('a', 'b')))).toMatchObject({ outcome: 'failed', expected: 'a', seen: 'b' });
    expect(await verdictOf(() => Promise.reject(new TypeError('x is undefined')))).toMatchObject({
      outcome: 'failed',
      seen: 'x is undefined',
    });
    expect(await verdictOf(() => Promise.reject(new Unmeasured('no network')))).toMatchObject({
      outcome: 'not checked',
      why: 'no network',
    });
  });

  test('is failed when the check does not end in time', async () => {
    const never = (): Promise<string> => new Promise(() => undefined);
    expect(await verdictOf(never, { withinMs: 1_000 })).toMatchObject({ outcome: 'failed', seen: 'it still ran' });
  });

  test('does not apply where the check is of another target, with its reason', async () => {
    expect(await verdictOf(() => Promise.resolve('x'), { on: ['compose'], elsewhere: 'needs containers' })).toMatchObject({
      outcome: 'not applicable',
      why: 'needs containers',
    });
  });

  test('leaves what was sent and what came back in a file, without the key', async () => {
    const verdict = await verdictOf(async (world) => {
      await world.call('/health', { headers: { authorization: 'Bearer very-secret' } });
      return 'asked';
    });
    const kept = readFileSync(verdict.evidence ?? '', 'utf8');
    expect(JSON.parse(kept)).toMatchObject({ id: 'API-01', exchanges: [{ sent: { method: 'GET' }, status: 200 }] });
    expect(kept).not.toContain('very-secret');
  });
});
