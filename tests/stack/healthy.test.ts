import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'signalbox-healthy-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Runs a line with scripts/lib/stack.sh where the engine has these containers: name, state, status, service. */
function bash(line: string, containers: readonly (readonly string[])[]): { readonly status: number | null; readonly said: string } {
  const docker = join(directory, 'docker');
  writeFileSync(join(directory, 'containers'), containers.map((one) => `${one.join('\t')}\n`).join(''));
  writeFileSync(docker, `#!/bin/sh\ncat '${directory}/containers'\n`);
  chmodSync(docker, 0o755);
  const env = { PATH: `${directory}:${process.env['PATH']}` };
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', `. scripts/lib/stack.sh; ${line}`], { env, encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

const WELL = ['worker-1', 'running', 'Up 9 seconds (healthy)', 'worker-1'];
const MIGRATED = ['migrate', 'exited', 'Exited (0) 8 seconds ago', 'migrate'];

describe('stack_wait', () => {
  test('is content where all are healthy, and the one-shot services have ended with 0', () => {
    const said = expect.stringMatching(/^1 containers, all healthy after \d s\n$/);
    expect(bash('stack_wait 30', [WELL, MIGRATED])).toEqual({ status: 0, said });
  });

  test.each([
    ['a worker that has ended in order', ['worker-2', 'exited', 'Exited (0) 3 seconds ago', 'worker-2']],
    ['one whose name begins like a one-shot service’s', ['migrate-2', 'exited', 'Exited (0) 3 seconds ago', 'migrator']],
    ['a migration that failed', ['migrate', 'exited', 'Exited (1) 3 seconds ago', 'migrate']],
    ['a migration that still runs', ['migrate', 'running', 'Up 3 seconds', 'migrate']],
    ['one that is starting', ['api-1', 'running', 'Up 3 seconds (health: starting)', 'api-1']],
    ['one that is unwell', ['api-1', 'running', 'Up 3 seconds (unhealthy)', 'api-1']],
  ])('is not content with %s, and names it', (_what, one) => {
    const { status, said } = bash('stack_wait 0', [WELL, one]);
    expect(status).toBe(1);
    expect(said).toMatch(/^not healthy after \d+ s:\n/);
    expect(said).toContain(`\n${one.join('\t')}\n`);
  });

  test('counts what was before it, where it is told since when', () => {
    // A second more where the machine is slow.
    const healthyAfter = (from: number) =>
      expect.stringMatching(new RegExp(`^1 containers, all healthy after (${from}|${from + 1}|${from + 2}) s\\n$`));
    expect(bash('SECONDS=40; stack_wait 45 3', [WELL])).toEqual({ status: 0, said: healthyAfter(37) });
    expect(bash('SECONDS=50; stack_wait 45 3', [WELL])).toEqual({ status: 1, said: healthyAfter(47) });
    expect(bash('SECONDS=50; stack_wait 45 3', [WELL, ['api-1', 'created', 'Created', 'api-1']]).status).toBe(1);
  });

  test('knows as one-shot services those that others wait for to have ended', () => {
    interface File {
      readonly services: Readonly<Record<string, { readonly depends_on?: Readonly<Record<string, { readonly condition: string }>> }>>;
    }
    const waits = ['docker-compose.yml', 'docker-compose.scale.yml'].flatMap((file) =>
      Object.values((parse(readFileSync(file, 'utf8'), { merge: true }) as File).services).flatMap(({ depends_on = {} }) =>
        Object.entries(depends_on).flatMap(([name, { condition }]) => (condition === 'service_completed_successfully' ? [name] : [])),
      ),
    );
    const { said } = bash('printf %s "$stack_one_shot"', []);
    expect(said.split('|').sort()).toEqual([...new Set(waits)].sort());
  });
});
