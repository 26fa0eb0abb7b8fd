import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, startApp, type TestApp } from '../support/app.js';
import { signalbox } from './capture.js';

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
});

afterAll(() => app.stop());

describe('A command line that is not understood ends with 2 and one line that says why', () => {
  test.each([
    [[], 'name a command'],
    [['bogus'], 'no command bogus'],
    [['bogus', 'one'], 'no command bogus'],
    [['--bogus'], "unknown option '--bogus'"],
    [['get', ''], 'must not be empty'],
    [['explain', ''], 'must not be empty'],
    [['dlq', 'show', ''], 'must not be empty'],
    [['dlq', 'redrive', ''], 'must not be empty'],
    [['held', 'resolve', '', '--as', 'dead'], 'must not be empty'],
    [['desk', 'cancel', ' '], 'must not be empty'],
    [['dlq', 'bogus', 'one'], 'dlq has no command bogus'],
    [['get'], "missing required argument 'id'"],
    [['get', 'one', 'two'], 'too many arguments'],
    [['explain'], 'name a notification id or a --user'],
    [['explain', 'one', '--user', 'ada'], 'not both'],
    [['explain', '--user', 'ada', '--since', 'yesterday'], 'such as 90s, 15m, 1h or 7d'],
    [['send', '--email', 'a@example.org'], "'--body <text>' not specified"],
    [['send', '--body', 'x'], 'name a recipient'],
    [['send', '--body', 'x', '--email', 'a@example.org', '--priority', 'high'], 'Allowed choices are normal, urgent'],
    [['send', '--body', 'x', '--email', 'a@example.org', '--data', '[1]'], 'must be a JSON object'],
    [['send', '--body', 'x', '--in-app'], 'name the --user whose in-app it is'],
    [['send', '--body', 'x', '--channel', 'email'], 'name the --user whose email it is'],
    [['send', '--body', 'x', '--channel', 'pigeon'], 'Allowed choices are email, sms, push, webhook, in-app'],
    [['tail', '--status', 'lost'], 'Allowed choices are queued'],
    [['tail', '--limit', 'many'], 'must be a whole number'],
    [['dlq'], 'name a command of dlq'],
    [['dlq', 'bogus'], 'dlq has no command bogus'],
    [['dlq', 'show'], "missing required argument 'id'"],
    [['dlq', 'redrive'], 'say which: an id, flags such as --fingerprint, or --all'],
    [['dlq', 'redrive', 'one', '--all'], 'not both'],
    [['dlq', 'redrive', '--all', '--code', 'http_503'], 'leave it out'],
    [['dlq', 'redrive', '--all'], 'needs --yes where nobody can be asked'],
    [['dlq', 'redrive', '--all', '--rate', '0'], 'must be a number from 0.1 to 1000'],
    [['dlq', 'discard', 'one'], "'--reason <text>' not specified"],
    [['dlq', 'discard', '--code', 'http_503', '--reason', 'x'], 'needs --yes where nobody can be asked'],
    [['held', 'resolve', 'one'], "'--as <what>' not specified"],
    [['held', 'resolve', '--all', '--as', 'resend'], 'needs --yes where nobody can be asked'],
    [['held', 'resolve', '--as', 'lost', 'one'], 'Allowed choices are delivered, resend, dead'],
    [['held', 'list', '--fingerprint', 'x'], "unknown option '--fingerprint'"],
    [['queue'], 'name a command of queue'],
    [['inbox', 'read', 'ada', '--up-to', '0'], 'must be a whole number'],
    [['prefs', 'set', 'ada'], 'give either a --file or what to change'],
    [['prefs', 'set', 'ada', '--file', '/nowhere', '--off', 'sms'], 'give either a --file or what to change'],
    [['prefs', 'set', 'ada', '--file', '/nowhere.json'], '/nowhere.json cannot be read'],
    [['config', 'chek'], 'config has no command chek'],
    [['demo', '--limt', '5'], 'Did you mean --limit?'],
    [['demo', '--limit', '0'], 'must be a whole number'],
    [['demo', '--concurrency', '1e3'], 'must be a whole number'],
    [['--url', 'ftp://127.0.0.1', 'get', 'x'], 'must be an http or https URL'],
  ])('%j', async (argv, why) => {
    const { code, out, err } = await signalbox(...argv);
    expect({ code, out, lines: err.split('\n').length }).toEqual({ code: 2, out: '', lines: 2 });
    expect(err).toMatch(/^signalbox: /);
    expect(err).toContain(why);
  });
});

describe('Help', () => {
  const groups = ['dlq', 'held', 'desk', 'queue', 'prefs', 'config'];
  const desk = [
    'dlq list',
    'dlq group',
    'dlq show',
    'dlq redrive',
    'dlq discard',
    'held list',
    'held group',
    'held show',
    'held resolve',
    'desk operation',
    'desk cancel',
    'desk audit',
  ];
  const others = [
    '',
    'send',
    'get',
    'explain',
    'tail',
    'queue depth',
    'inbox',
    'inbox list',
    'inbox read',
    'prefs get',
    'prefs set',
    'config check',
    'demo',
  ];
  test.each([...others, ...groups, ...desk])('of signalbox %s has examples and ends with 0', async (command) => {
    const { code, out, err } = await signalbox(...command.split(' ').filter((word) => word !== ''), '--help');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/Examples?:\n {2}\$ signalbox /);
    expect(out).toContain('--url');
  });
});

test('signalbox config check ends with 2 where a setting is wrong, as npm run config:check does', async () => {
  const before = process.env['RETRY_BACKOFF_MS'];
  process.env['RETRY_BACKOFF_MS'] = 'soon';
  try {
    const { code, out } = await signalbox('config', 'check');
    expect(out).toContain('1 thing is wrong');
    expect(code).toBe(2);
  } finally {
    if (before === undefined) delete process.env['RETRY_BACKOFF_MS'];
    else process.env['RETRY_BACKOFF_MS'] = before;
  }
});

describe('A failure ends with 1 and one line that says why', () => {
  test('where nobody answers', async () => {
    const { code, err } = await signalbox('get', 'x', '--url', 'http://127.0.0.1:9');
    expect({ code, lines: err.split('\n').length }).toEqual({ code: 1, lines: 2 });
    expect(err).toContain('no answer from http://127.0.0.1:9');
  });

  test('where there is no such notification', async () => {
    expect(await signalbox('get', 'nowhere', '--url', app.url)).toEqual({
      code: 1,
      out: '',
      err: 'signalbox: There is no notification with this id (404 not-found)\n',
    });
  });

  test('where the server refuses the content', async () => {
    const { code, err } = await signalbox('send', '--email', 'nobody', '--body', 'x', '--url', app.url);
    expect(code).toBe(1);
    expect(err).toBe('signalbox: /to/email must be an e-mail address (400 invalid-request)\n');
  });
});

describe('A notification', () => {
  const send = ['send', '--email', 'ada@example.org', '--subject', 'Hello', '--body', 'It is on its way.', '--key', 'cli-test-1'];

  test('is sent once under a key, shown and explained', async () => {
    const first = await signalbox(...send, '--url', app.url, '--json');
    const { notificationId } = JSON.parse(first.out) as { readonly notificationId: string };
    const again = await signalbox('--url', app.url, ...send);
    expect(again).toEqual({ code: 0, out: `${notificationId}  queued  (known already: nothing is sent again)\n`, err: '' });

    const shown = await eventually(async () => {
      const { out } = await signalbox('get', notificationId, '--url', app.url);
      return out.includes('email to ada@example.org: delivered') ? out : null;
    });
    expect(shown).toMatch(/attempt 1 {2}\S+ {2}\d+ ms {2}delivered/);
    const explained = await signalbox('explain', notificationId, '--url', app.url);
    expect(explained.out).toMatch(/accepted +accept\.idempotent[\s\S]*delivered +effect\.done/);
  });
});

describe('npx signalbox', () => {
  test('passes the exit code on', () => {
    const ran = spawnSync(process.execPath, ['bin/signalbox.mjs', 'get', 'x', '--url', app.url.replace(/\d+$/, '9')], {
      encoding: 'utf8',
      env: {},
    });
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain('no answer from');
  });

  test('ends well when its reader has seen enough', () => {
    const line = `set -o pipefail; node bin/signalbox.mjs --help | head -c 1; node bin/signalbox.mjs --help | true`;
    const ran = spawnSync('bash', ['--norc', '-c', line], { encoding: 'utf8', env: { PATH: process.env['PATH'] } });
    expect({ status: ran.status, out: ran.stdout, err: ran.stderr.replace(/^built .*\n/, '') }).toEqual({ status: 0, out: 'U', err: '' });
  });
});
