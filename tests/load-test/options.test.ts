import { spawnSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { HELP, readOptions, UsageError } from '../../load-test/options.js';

const run = (script: string, ...args: string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', `load-test/${script}.ts`, ...args], { encoding: 'utf8' });

describe('The command line of the load test', () => {
  test('has a default for every flag that is missing', () => {
    expect(readOptions([])).toMatchObject({
      duration: 60,
      rate: 12,
      users: 1000,
      urls: null,
      channels: ['webhook'],
      scenario: 'steady',
      warmUp: null,
    });
  });

  test('takes values behind = and behind a blank', () => {
    const said = { duration: 600, rate: 12.5, users: 10_000, channels: ['webhook', 'email'], urls: ['http://127.0.0.1:3000'] };
    const words = [
      '--duration=600',
      '--rate',
      '12.5',
      '--users=10000',
      '--channels',
      'webhook,email,webhook',
      '--url=http://127.0.0.1:3000/',
    ];
    expect(readOptions(words)).toMatchObject(said);
  });

  test('takes several addresses, and looks for the highest rate from 50 a second or from the rate that is given', () => {
    expect(readOptions(['--url=http://127.0.0.1:3001,http://127.0.0.1:3002/']).urls).toEqual([
      'http://127.0.0.1:3001',
      'http://127.0.0.1:3002',
    ]);
    expect(readOptions(['--find-max'])).toMatchObject({ scenario: 'find-max', rate: 50 });
    expect(readOptions(['--find-max', '--rate=200'])).toMatchObject({ scenario: 'find-max', rate: 200 });
  });

  test.each([
    ['--rate=fast', '--rate fast: give a number from 0.1 to 100000'],
    ['--rate=0', '--rate 0: give a number from 0.1 to 100000'],
    ['--users=1.5', '--users 1.5: give a whole number from 1 to 10000000'],
    ['--channels=pigeon', '--channels pigeon: give webhook or email or sms or push or in-app'],
    ['--receiver=somebody', '--receiver somebody: give own or sink'],
    ['--url=nowhere', '--url nowhere: give an http or https address'],
    ['--url=http://127.0.0.1:3001,', '--url : give an http or https address'],
    ['--warm-up=long', '--warm-up long: give a number from 0 to 600'],
    ['--report=', '--report: give the name of a file'],
    ['--history=', '--history: give the name of a file'],
    ['--durations=5', "Unknown option '--durations'"],
    ['five', "Unexpected argument 'five'"],
  ])('refuses %s in one line', (word, line) => {
    expect(() => readOptions([word])).toThrow(UsageError);
    expect(() => readOptions([word])).toThrow(line);
  });

  test('refuses two scenarios', () => {
    expect(() => readOptions(['--find-max', '--scenario=fairness'])).toThrow('--find-max and --scenario: give one of them');
  });

  test.each(['run', 'verify-duplicates'])('of %s: a bad flag is one line and exit code 2, --help has examples and 0', (script) => {
    const bad = run(script, '--no-such-flag');
    expect(bad.status).toBe(2);
    expect(bad.stderr.trim().split('\n')).toHaveLength(1);
    const help = run(script, '--help');
    expect(help.status).toBe(0);
    expect(help.stdout).toContain('examples:');
    expect(HELP).toContain('npm run load-test -- --duration=600 --rate=12 --users=10000');
  });

  test('says before the load, and not after it, that a report cannot be written', () => {
    const { status, stdout, stderr } = run('run', '--report', 'package.json/report.html', '--url', 'http://127.0.0.1:9');
    expect({ status, stdout, lines: stderr.trim().split('\n').length }).toEqual({ status: 1, stdout: '', lines: 1 });
    expect(stderr).toMatch(/^load-test: package\.json\/report\.html cannot be written: /);
  });

  test('an address that is none ends verify:duplicates with 2', () => {
    const { status, stderr } = run('verify-duplicates', '--url', 'ftp://127.0.0.1');
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'verify:duplicates: --url ftp://127.0.0.1: give an http or https address\n',
    });
  });
});
