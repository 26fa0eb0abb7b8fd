import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accept, notification, startApp, type TestApp, untilStatus } from '../support/app.js';
import { signalbox } from './capture.js';

let app: TestApp;
let directory: string;

beforeAll(async () => {
  app = await startApp();
  directory = await mkdtemp(join(tmpdir(), 'signalbox-cli-'));
});

afterAll(async () => {
  await app.stop();
  await rm(directory, { recursive: true });
});

async function cli(...argv: readonly string[]): Promise<string> {
  const { code, out, err } = await signalbox(...argv, '--url', app.url);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out;
}

describe('signalbox prefs', () => {
  test('changes what the flags name and leaves the rest', async () => {
    expect(await cli('prefs', 'get', 'ada')).toMatch(/changed +never/);
    await cli(
      'prefs',
      'set',
      'ada',
      '--email',
      'ada@example.org',
      '--quiet',
      '22:00-07:00',
      '--zone',
      'Europe/Lisbon',
      '--days',
      'mon,tue',
    );
    await cli('prefs', 'set', 'ada', '--off', 'sms', '--off', 'marketing/email');
    const shown = await cli('prefs', 'set', 'ada', '--on', 'sms', '--zone', 'Asia/Tokyo');
    expect(shown).toMatch(
      /email +ada@example\.org\nchannel sms +on\nmarketing by email +off\nquiet hours +22:00-07:00 Asia\/Tokyo \(mon tue\)/,
    );
    const told = JSON.parse(await cli('prefs', 'set', 'ada', '--no-quiet', '--json')) as Readonly<Record<string, unknown>>;
    expect(told).toMatchObject({ userId: 'ada', version: 4, contacts: { email: 'ada@example.org' }, quietHours: null });
  });

  test('replaces everything from a file, as get prints it', async () => {
    const file = join(directory, 'bob.json');
    await cli('prefs', 'set', 'bob', '--off', 'webhook', '--email', 'bob@example.org');
    await writeFile(file, await cli('prefs', 'get', 'bob', '--json'));
    await cli('prefs', 'set', 'bob', '--on', 'webhook', '--phone', '+351912340001');
    const told = JSON.parse(await cli('prefs', 'set', 'bob', '--file', file, '--json')) as Readonly<Record<string, unknown>>;
    expect(told).toMatchObject({ channels: { webhook: false }, contacts: { email: 'bob@example.org' }, version: 3 });
  });

  test('says what the server refuses, and what cannot be meant', async () => {
    const zone = await signalbox('prefs', 'set', 'eve', '--quiet', '22:00-07:00', '--zone', 'Nowhere/Atlantis', '--url', app.url);
    expect({ code: zone.code, lines: zone.err.split('\n').length }).toEqual({ code: 1, lines: 2 });
    expect(zone.err).toMatch(/\/quietHours\/timeZone .* \(400 invalid-request\)/);
    for (const [argv, why] of [
      [['--quiet', '22:00-07:00'], 'need a --zone'],
      [['--quiet', 'always', '--zone', 'UTC'], 'must be as 22:00-07:00'],
      [['--zone', 'UTC'], 'quiet hours need --quiet'],
      [['--off', 'a/b/c'], 'neither a channel nor category/channel'],
    ] as const) {
      const { code, err } = await signalbox('prefs', 'set', 'eve', ...argv, '--url', app.url);
      expect({ code, why: err.includes(why) }).toEqual({ code: 2, why: true });
    }
  });
});

describe('signalbox explain', () => {
  test('tells of a skip its rule, what it was taken on, and what would have changed it', async () => {
    await cli('prefs', 'set', 'carl', '--email', 'carl@example.org', '--off', 'email');
    const id = await accept(app, notification({ userId: 'carl', to: {} }));
    await untilStatus(app, id, ['skipped']);
    const told = await cli('explain', id);
    expect(told).toMatch(new RegExp(`^${id}  skipped\n {2}email: skipped \\(preference\\.channel\\)\n`));
    expect(told).toMatch(/email +skipped +preference\.channel +by \S+, store's clock\n {4}The person has switched this channel off/);
    expect(told).toMatch(/\n {4}on: .*channelOn=false/);
    expect(told).toMatch(/\n {4}otherwise: with the channel email switched on: sent/);

    const [second] = [await accept(app, notification({ userId: 'carl', to: {} }))];
    await untilStatus(app, second, ['skipped']);
    const both = await cli('explain', '--user', 'carl', '--since', '1h');
    expect(both.indexOf(second)).toBeLessThan(both.indexOf(id));
    const page = JSON.parse(await cli('explain', '--user', 'carl', '--limit', '1', '--json')) as { readonly data: readonly unknown[] };
    expect(page.data).toHaveLength(1);
    expect(await cli('explain', '--user', 'stranger', '--since', '1h')).toContain('nothing concerned stranger since');
  });
});

describe('signalbox send', () => {
  test("takes the user's own contact where a channel is named without an address", async () => {
    await cli('prefs', 'set', 'dora', '--email', 'dora@example.org');
    const { notificationId } = JSON.parse(await cli('send', '--user', 'dora', '--channel', 'email', '--body', 'Hello', '--json')) as {
      readonly notificationId: string;
    };
    await untilStatus(app, notificationId, ['delivered']);
    expect(await cli('get', notificationId)).toContain('email to dora@example.org: delivered');
    const nowhere = await signalbox('send', '--user', 'dora', '--channel', 'webhook', '--body', 'Hello', '--url', app.url);
    expect(nowhere.code).toBe(1);
    expect(nowhere.err).toContain('/to/webhook');
  });
});

describe('signalbox inbox', () => {
  test('lists what a person finds, and marks it as read', async () => {
    for (const body of ['One', 'Two']) {
      const told = await cli('send', '--user', 'finn', '--in-app', '--body', body, '--json');
      await untilStatus(app, (JSON.parse(told) as { readonly notificationId: string }).notificationId, ['delivered']);
    }
    expect(await cli('inbox', 'list', 'finn')).toMatch(/^2 {2}\S+ {2}new {2}Two\n1 {2}\S+ {2}new {2}One\n$/);
    expect(await cli('inbox', 'read', 'finn', '--up-to', '1')).toBe('1 marked as read, 1 unread\n');
    expect(await cli('inbox', 'list', 'finn', '--unread')).toMatch(/^2 [^\n]*Two\n$/);
    expect(await cli('inbox', 'list', 'nobody')).toBe('nothing there\n');
  });
});

describe('signalbox queue and config', () => {
  test('tell how much waits', async () => {
    expect(await cli('queue', 'depth')).toMatch(/wake-ups waiting +\d+\n[\s\S]*oldest overdue by +\d+ ms/);
    expect(JSON.parse(await cli('queue', 'depth', '--json'))).toMatchObject({ depth: expect.any(Number), open: expect.any(Number) });
  });

  test('judge the settings without a server; what is wrong ends with 2', async () => {
    const { code, out } = await signalbox('config', 'check');
    expect({ code, well: out.includes('all is well') }).toEqual({ code: 0, well: true });
    process.env['LEASE_MS'] = 'soon';
    try {
      const wrong = await signalbox('config', 'check', '--json');
      expect(wrong.code).toBe(2);
      expect((JSON.parse(wrong.out) as { readonly errors: readonly string[] }).errors).toHaveLength(1);
    } finally {
      delete process.env['LEASE_MS'];
    }
  });
});
