import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { GENERATED } from '../../scripts/config-docs.js';
import { withEnvFile } from '../../src/config/env-file.js';
import { SETTINGS } from '../../src/config/settings.js';
import { loadConfig } from '../../src/config.js';

const TEMPLATE = '.env.template';
const directory = mkdtempSync(join(tmpdir(), 'signalbox-env-'));
copyFileSync(TEMPLATE, join(directory, '.env'));
afterAll(() => rmSync(directory, { recursive: true }));

/** What compose makes of an env_file without quotes: everything behind the first = up to the end of the line. */
function asComposeReads(text: string): Record<string, string> {
  const assignments = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(assignments.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

function asShellReads(shell: string): Record<string, string | undefined> {
  const script = `set -eu; set -a; . ./.env; exec "${process.execPath}" -e 'process.stdout.write(JSON.stringify(process.env))'`;
  const env = JSON.parse(
    execFileSync(shell, ['-c', script], {
      cwd: directory,
      env: { PATH: process.env['PATH'] },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  return env as Record<string, string | undefined>;
}

describe('The generated files', () => {
  test.each(Object.keys(GENERATED))('%s is what the table of settings says', (path) => {
    expect(readFileSync(path, 'utf8')).toBe(GENERATED[path]?.());
  });
});

describe('The template', () => {
  const plain = asComposeReads(readFileSync(TEMPLATE, 'utf8'));

  test('has every setting once and nothing else', () => {
    expect(Object.keys(plain).sort()).toEqual(
      Object.values(SETTINGS)
        .map((setting) => setting.env)
        .sort(),
    );
  });

  test('has no quotes, no blanks around values, no export and no comments behind values', () => {
    for (const line of readFileSync(TEMPLATE, 'utf8').split('\n')) expect(line).toMatch(/^(#.*|[A-Z][A-Z0-9_]*=[^\s"'`$#\\]*)?$/);
  });

  test.each(['bash', 'sh'])('reads the same in %s as it does for compose', (shell) => {
    expect(asShellReads(shell)).toMatchObject(plain);
  });

  test('reads the same for Signalbox as it does for compose', () => {
    expect(withEnvFile({}, directory).variables).toEqual(plain);
  });

  test('is a configuration that works as it stands, without a warning, and says what the defaults say', () => {
    expect(loadConfig(plain)).toEqual(loadConfig({}));
  });
});

describe('A .env file', () => {
  function withFile(text: string, given: NodeJS.ProcessEnv) {
    const place = mkdtempSync(join(directory, 'file-'));
    writeFileSync(join(place, '.env'), text);
    return withEnvFile(given, place);
  }

  test('gives way to what is set, even to what is set to nothing', () => {
    const { variables, fromFile } = withFile('LEASE_MS=1000\nHOST=a\nLOG_LEVEL=warn\n', { LEASE_MS: '2000', HOST: '' });
    expect(variables).toEqual({ LEASE_MS: '2000', HOST: '', LOG_LEVEL: 'warn' });
    expect([...fromFile]).toEqual(['LOG_LEVEL']);
  });

  test('does not overrule the PORT of a platform by its SERVER_PORT', () => {
    expect(loadConfig(withFile('SERVER_PORT=3000\n', { PORT: '8080' }).variables).port).toBe(8080);
  });

  test('may be missing', () => {
    expect(withEnvFile({ A: 'b' }, join(directory, 'nowhere')).variables).toEqual({ A: 'b' });
  });

  test('leaves the environment of the process as it was', () => {
    withFile('SIGNALBOX_TEST_ONLY=1\n', process.env);
    expect(process.env['SIGNALBOX_TEST_ONLY']).toBeUndefined();
  });
});
