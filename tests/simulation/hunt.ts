import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { First } from './first.js';
import { MUTANTS, type Mutant } from './mutants.js';

const ROOT = join(import.meta.dirname, '..', '..');

/** What the pipeline and the simulation are made of. */
const COPIED = ['src', 'tools', 'tests/simulation'] as const;

/** A mutant that lives through so many schedules is not found. */
const SEEDS_AT_MOST = 1500;

/** Copies the sources, breaks them as the mutant says, and gives the copy's folder. */
function breed({ name, patches }: Mutant): string {
  const folder = join(ROOT, '.mutants', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'tests'), { recursive: true });
  for (const part of COPIED) cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  for (const { file, search, replace } of patches) {
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    const places = text.split(search).length - 1;
    if (places !== 1) throw new Error(`mutant ${name}: its search text is ${places} times in ${file}, not once`);
    writeFileSync(
      path,
      text.replace(search, () => replace),
    );
  }
  return folder;
}

/** Runs the copy's own simulation until a rule is broken. */
function hunt(mutant: Mutant): First {
  const folder = breed(mutant);
  const flags = ['--first', '--config', mutant.config ?? 'normal', '--seeds', String(SEEDS_AT_MOST)];
  const child = spawnSync(process.execPath, ['--import', 'tsx', 'tests/simulation/run.ts', ...flags], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 300_000,
  });
  const last = child.stdout.trim().split('\n').pop() ?? '';
  try {
    return JSON.parse(last) as First;
  } catch {
    throw new Error(`mutant ${mutant.name} does not run: ${child.stderr.trim().split('\n').slice(0, 8).join(' | ')}`);
  }
}

/** Hunts each mutant (or the one named) and prints a table. The exit status. */
export function huntAll(only: string | null, print: (...lines: readonly string[]) => void): number {
  const hunted = MUTANTS.filter(({ name }) => only === null || name === only);
  if (hunted.length === 0) {
    process.stderr.write(`simulate: no mutant ${only}: one of ${MUTANTS.map(({ name }) => name).join(', ')}\n`);
    return 2;
  }
  const width = Math.max(...hunted.map(({ name }) => name.length));
  print(
    `${'mutant'.padEnd(width)}  ${'found by'.padEnd(22)} ${'config'.padEnd(16)} ${'seed'.padStart(5)} ${'tried'.padStart(5)} ${'ms'.padStart(6)}`,
  );
  let escaped = 0;
  for (const mutant of hunted) {
    const startedAt = performance.now();
    const caught = hunt(mutant);
    const ms = Math.round(performance.now() - startedAt);
    // What escaped is left in its folder, to be looked at.
    if (caught.found === null) escaped += 1;
    else rmSync(join(ROOT, '.mutants', mutant.name), { recursive: true, force: true });
    const by = (caught.found ?? 'NOT FOUND').padEnd(22);
    const numbers = [String(caught.seed).padStart(5), String(caught.tried).padStart(5), String(ms).padStart(6)].join(' ');
    print(`${mutant.name.padEnd(width)}  ${by} ${(mutant.config ?? 'normal').padEnd(16)} ${numbers}`);
  }
  print(`${hunted.length} mutants, ${hunted.length - escaped} found${escaped === 0 ? '' : `, ${escaped} ESCAPED`}`);
  return escaped === 0 ? 0 : 1;
}
