import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { SETTINGS } from '../../src/config/settings.js';
import { loadConfig } from '../../src/config.js';

const COMPOSITION = ['src/wire.ts', ...readdirSync('src/wire').map((name) => `src/wire/${name}`)]
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');

const read = Object.keys(loadConfig({})).filter((name) =>
  new RegExp(`\\bconfig\\.${name}\\b|\\b${name}\\b[^;{}]*\\}(: Config| = config;)`).test(COMPOSITION),
);

test('Every setting that is said to have an effect is read where the program is put together', () => {
  expect(Object.keys(loadConfig({})).filter((name) => !read.includes(name))).toEqual([]);
});

test('No setting that is said to have none reaches the program', () => {
  const dead = Object.entries(SETTINGS).filter(([, setting]) => !setting.live);
  expect(dead.length).toBeGreaterThan(10);
  expect(dead.map(([name]) => name).filter((name) => Object.keys(loadConfig({})).includes(name))).toEqual([]);
});
