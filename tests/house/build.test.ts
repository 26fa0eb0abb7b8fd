import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const place = mkdtempSync(join(tmpdir(), 'signalbox-build-'));

function at(...path: readonly string[]): string {
  return join(place, ...path);
}

function build(...argv: readonly string[]): { readonly built: boolean } {
  const run = spawnSync(process.execPath, [at('scripts/build.mjs'), ...argv], { encoding: 'utf8' });
  expect(run.status).toBe(0);
  return { built: run.stderr.startsWith('built ') };
}

/** Makes a file look as if it were changed a minute from now; makes everything else look older than the build. */
function touch(path: string): void {
  const later = Date.now() / 1000 + 60;
  utimesSync(at(path), later, later);
}

beforeAll(() => {
  mkdirSync(at('src/deep'), { recursive: true });
  mkdirSync(at('scripts'));
  writeFileSync(at('src/main.ts'), "import { answer } from './deep/answer.js';\nconst shown: number = answer;\nconsole.log(shown);\n");
  writeFileSync(at('src/deep/answer.ts'), 'export const answer: number = 42;\n');
  for (const file of ['package.json', 'package-lock.json', 'scripts/build.mjs']) cpSync(file, at(file));
  symlinkSync(resolve('node_modules'), at('node_modules'));
});

afterAll(() => rmSync(place, { recursive: true }));

describe('The build', () => {
  test('makes a program that runs, and nothing but it and its source maps', () => {
    expect(build()).toEqual({ built: true });
    const run = spawnSync(process.execPath, [at('dist/main.js')], { encoding: 'utf8' });
    expect(run.stdout).toBe('42\n');
    expect(readdirSync(at('dist'), { recursive: true }).sort()).toEqual([
      '.built',
      'deep',
      'deep/answer.js',
      'deep/answer.js.map',
      'main.js',
      'main.js.map',
    ]);
  });

  test('does nothing when asked only if stale and nothing changed', () => {
    build();
    const before = statSync(at('dist/main.js')).mtimeMs;
    expect(build('--if-stale')).toEqual({ built: false });
    expect(statSync(at('dist/main.js')).mtimeMs).toBe(before);
  });

  test.each(['src/deep/answer.ts', 'package.json', 'package-lock.json', 'scripts/build.mjs'])('is stale when %s has changed', (path) => {
    build();
    touch(path);
    expect(build('--if-stale')).toEqual({ built: true });
    utimesSync(at(path), 1, 1);
  });

  test('is stale when a source has gone, and drops what was made of it', () => {
    writeFileSync(at('src/deep/gone.ts'), 'export const gone = true;\n');
    build();
    expect(existsSync(at('dist/deep/gone.js'))).toBe(true);
    rmSync(at('src/deep/gone.ts'));
    touch('src/deep');
    expect(build('--if-stale')).toEqual({ built: true });
    expect(existsSync(at('dist/deep/gone.js'))).toBe(false);
  });

  test('may run twice at once', async () => {
    const expected = build() && readFileSync(at('dist/main.js'), 'utf8');
    const runs = [0, 1, 2].map(() => spawn(process.execPath, [at('scripts/build.mjs')], { stdio: 'ignore' }));
    const codes = await Promise.all(runs.map(async (run) => (await once(run, 'exit'))[0] as number | null));
    expect(codes).toEqual([0, 0, 0]);
    expect(readFileSync(at('dist/main.js'), 'utf8')).toBe(expected);
    expect(readdirSync(at('dist'), { recursive: true }).filter((name) => String(name).endsWith('.tmp'))).toEqual([]);
  });
});
