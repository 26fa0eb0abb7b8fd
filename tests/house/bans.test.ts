import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

/** A file that breaks a rule: its path, its text, and the rule that must say so. */
const PLANTED: readonly (readonly [title: string, path: string, text: string, rule: string])[] = [
  ['reads the system clock', 'src/pipeline/a.ts', 'export const now = (): number => Date.now();', 'no-restricted-properties'],
  ['makes a date of now', 'src/workloads/jobs/b.ts', 'export const now = (): Date => new Date();', 'no-restricted-syntax'],
  ['sets a timer', 'src/channels/c.ts', 'export const wait = (f: () => void): unknown => setTimeout(f, 1);', 'no-restricted-globals'],
  [
    'takes a timer from node:timers',
    'src/pipeline/d.ts',
    "import { setTimeout } from 'node:timers/promises';\nexport const wait = setTimeout;",
    'no-restricted-imports',
  ],
  [
    'sets a timer through globalThis',
    'src/pipeline/e.ts',
    'export const f = (): unknown => globalThis.setTimeout(() => {}, 1);',
    'no-restricted-properties',
  ],
  ['draws at random', 'src/pipeline/f.ts', 'export const draw = (): number => Math.random();', 'no-restricted-properties'],
  [
    'makes an id',
    'src/pipeline/g.ts',
    "import { randomUUID } from 'node:crypto';\nexport const id = (): string => randomUUID();",
    'no-restricted-imports',
  ],
  ['makes an id by the global', 'src/pipeline/h.ts', 'export const id = (): string => crypto.randomUUID();', 'no-restricted-properties'],
  [
    'lets a signal time out',
    'src/channels/i.ts',
    'export const soon = (): AbortSignal => AbortSignal.timeout(1);',
    'no-restricted-properties',
  ],
  ['keeps state in the module', 'src/pipeline/j.ts', 'let count = 0;\nexport const next = (): number => ++count;', 'no-restricted-syntax'],
  ['keeps a map in the module', 'src/channels/k.ts', 'export const seen = new Map<string, number>();', 'no-restricted-syntax'],
  ['reads the environment', 'src/ingress/l.ts', 'export const home = process.env;', 'no-restricted-properties'],
  ['imports the environment', 'src/runtime/m.ts', "import { env } from 'node:process';\nexport const home = env;", 'no-restricted-imports'],
  [
    'leaves a promise alone',
    'src/runtime/n.ts',
    'export const f = (p: () => Promise<void>): void => { p(); };',
    '@typescript-eslint/no-floating-promises',
  ],
  [
    'gives a promise where nobody waits',
    'src/runtime/o.ts',
    'export const f = (l: string[]): void => l.forEach(async () => { await Promise.resolve(); });',
    '@typescript-eslint/no-misused-promises',
  ],
  [
    'awaits what is no promise',
    'src/runtime/p.ts',
    'export const f = async (n: number): Promise<number> => await n;',
    '@typescript-eslint/await-thenable',
  ],
  [
    'forgets a case',
    'src/runtime/q.ts',
    "export function f(k: 'a' | 'b'): number {\n  switch (k) {\n    case 'a':\n      return 1;\n  }\n  return 0;\n}",
    '@typescript-eslint/switch-exhaustiveness-check',
  ],
  ['says any', 'src/runtime/r.ts', 'export const f = (x: any): unknown => x;', '@typescript-eslint/no-explicit-any'],
  ['silences the compiler', 'src/runtime/s.ts', '// @ts-ignore\nexport const f = 1;', '@typescript-eslint/ban-ts-comment'],
  [
    'imports a type as a value',
    'src/runtime/t.ts',
    "import { Server } from 'node:net';\nexport type S = Server;",
    '@typescript-eslint/consistent-type-imports',
  ],
  ['has 301 lines', 'tests/u.ts', '// line\n'.repeat(301), 'max-lines'],
  [
    'has a function of 61 lines',
    'src/runtime/v.ts',
    `export function f(): void {\n${'  // line\n'.repeat(59)}}\n`,
    'max-lines-per-function',
  ],
  [
    'has a function of 16 ways',
    'src/runtime/w.ts',
    `export const f = (n: number): number => ${'n === 1 ? 1 : '.repeat(15)}0;`,
    'complexity',
  ],
];

const SOUND: readonly (readonly [title: string, path: string, text: string])[] = [
  ['makes a date of a given time', 'src/pipeline/ok.ts', 'export const iso = (at: number): string => new Date(at).toISOString();'],
  [
    'hashes',
    'src/pipeline/hash.ts',
    "import { createHash } from 'node:crypto';\nexport const h = (t: string): string => createHash('sha256').update(t).digest('hex');",
  ],
  ['keeps a constant set in the module', 'src/channels/set.ts', "export const KNOWN: ReadonlySet<string> = new Set(['a']);"],
  ['reads the clock where the system is', 'src/adapters/system/clock.ts', 'export const now = (): number => Date.now();'],
  ['reads the environment in the configuration', 'src/config/env.ts', 'export const home = process.env;'],
  ['has a long function in a test', 'tests/long.ts', `export function f(): void {\n${'  // line\n'.repeat(100)}}\n`],
];

const place = mkdtempSync(join(tmpdir(), 'signalbox-bans-'));
const broken = new Map<string, readonly string[]>();

beforeAll(() => {
  for (const [, path, text] of [...PLANTED, ...SOUND]) {
    mkdirSync(join(place, path, '..'), { recursive: true });
    writeFileSync(join(place, path), text.endsWith('\n') ? text : `${text}\n`);
  }
  for (const file of ['tsconfig.json', 'eslint.config.mjs', 'package.json']) cpSync(file, join(place, file));
  symlinkSync(resolve('node_modules'), join(place, 'node_modules'));
  const run = spawnSync(process.execPath, [resolve('node_modules/eslint/bin/eslint.js'), '.', '--format', 'json'], {
    cwd: place,
    encoding: 'utf8',
  });
  const files = JSON.parse(run.stdout) as readonly { filePath: string; messages: readonly { ruleId: string | null; message: string }[] }[];
  for (const file of files)
    broken.set(
      file.filePath.slice(file.filePath.indexOf(place) + place.length + 1),
      file.messages.map((each) => each.ruleId ?? each.message),
    );
}, 60_000);

afterAll(() => rmSync(place, { recursive: true }));

describe('A file is refused that', () => {
  test.each(PLANTED)('%s', (_title, path, _text, rule) => {
    expect(broken.get(path)).toEqual([rule]);
  });
});

describe('A file is accepted that', () => {
  test.each(SOUND)('%s', (_title, path) => {
    expect(broken.get(path)).toEqual([]);
  });
});
