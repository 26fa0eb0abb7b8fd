import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..', '..');

function simulate(...flags: readonly string[]) {
  const child = spawnSync(process.execPath, ['--import', 'tsx', 'tests/simulation/run.ts', ...flags], { cwd: ROOT, encoding: 'utf8' });
  return { status: child.status, out: child.stdout, err: child.stderr };
}

describe('npm run simulate', () => {
  it('runs schedules, says what was done to them, and exits with 0 where every rule held', () => {
    const { status, out } = simulate('--seeds', '5', '--from', '10');
    expect(status).toBe(0);
    expect(out).toMatch(/faults: crashes \d+, pauses \d+/);
    expect(out).toMatch(/5 schedules \(normal\), \d+ steps, .* schedules\/s .*: every rule held/);
  });

  it('replays one seed with its trace', () => {
    const { status, out } = simulate('--seed', '3');
    expect(status).toBe(0);
    expect(out).toMatch(/p0\.1 starts/);
    expect(out).toMatch(/deliveries accepted/);
  });

  it.each([
    ['an unknown flag', ['--sedes', '5']],
    ['a number that is none', ['--seeds', 'many']],
    ['an unknown configuration', ['--config', 'nonesuch']],
    ['a flag that goes with another', ['--only', 'no-renewal']],
    ['an unknown mutant', ['--mutants', '--only', 'nonesuch']],
  ])('refuses %s with one line and exit status 2', (_what, flags) => {
    const { status, out, err } = simulate(...flags);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err.trim().split('\n')).toHaveLength(1);
  });

  it('finds a mutant in a copy of its own', () => {
    const { status, out } = simulate('--mutants', '--only', 'ack-before-outcome');
    expect({ status, found: /ACKED_EARLY/.test(out) }).toEqual({ status: 0, found: true });
  });
});
