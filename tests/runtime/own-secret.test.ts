import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { weakness } from '../../src/config/secret-strength.js';
import { ownSecret } from '../../src/runtime/own-secret.js';

let directory: string;
let warnings: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'signalbox-secret-'));
  warnings = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

const secret = (): string => ownSecret(directory, 'secret', (line) => warnings.push(line));

test('A secret of one’s own is made once, is strong, and is for its owner alone', () => {
  const made = secret();
  expect(weakness(made)).toBeNull();
  expect(secret()).toBe(made);
  expect(statSync(join(directory, 'secret')).mode & 0o777).toBe(0o600);
  expect(warnings).toEqual([]);
});

test('One that others can read is used, with a warning', () => {
  const made = secret();
  chmodSync(join(directory, 'secret'), 0o644);
  expect(secret()).toBe(made);
  expect(warnings).toEqual([expect.stringContaining('chmod 600')]);
});

test.each(['', 'short', 'x'.repeat(42)])('A file that holds %j is refused, and left as it is', (text) => {
  writeFileSync(join(directory, 'secret'), text);
  expect(secret).toThrow(expect.objectContaining({ code: 'store-refused' }));
});
