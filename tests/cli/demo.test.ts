import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { choicesOf, type Life, wakesAt } from '../../src/cli/demo/people.js';
import { loadQuakes } from '../../src/cli/demo/quakes.js';
import { alertsFor, SUBSCRIBERS } from '../../src/cli/demo/subscribers.js';
import type { Summary } from '../../src/cli/demo/verdict.js';
import { startApp } from '../support/app.js';
import { type FrozenBuild, freezeBuild } from '../support/frozen-build.js';
import { type ServerProcess, startServer } from '../support/server-process.js';
import { signalbox } from './capture.js';

let build: FrozenBuild;
let server: ServerProcess;

beforeAll(async () => {
  build = await freezeBuild();
  server = await startServer({ directory: build.directory, settings: { SINK: 'on' } });
}, 60_000);

afterAll(async () => {
  await server.stop();
  await build.remove();
});

async function demo(...argv: readonly string[]): Promise<Summary> {
  const { code, out, err } = await signalbox('demo', '--json', '--url', server.url, ...argv);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out) as Summary;
}

describe('The demo', () => {
  test('delivers to everybody once, recognises its own repeats, and sends nothing again when run again', async () => {
    const first = await demo('--limit', '50');
    expect(first).toMatchObject({ notificationsAccepted: 50, notificationsKnown: 0, repeatsPosted: 3, repeatsRecognised: 3 });
    const skipped = Object.values(first.skipped).reduce((sum, count) => sum + count, 0);
    expect(first).toMatchObject({ delivered: first.deliveries - skipped, duplicates: 0, lost: 0, open: 0, notCompared: 0 });
    // Of the first fifty some people sleep, some opted out, and some earthquakes are strong.
    expect(first.skipped).toEqual({ 'preference.channel': 2, 'preference.category': 8 });
    // On a slow machine the windows that end soon may end by themselves: those of the sleepers never do.
    expect(first.released).toBeGreaterThanOrEqual(3);
    expect(first.deferred).toBeGreaterThanOrEqual(first.released);
    expect(first.urgentInQuietHours).toBeGreaterThanOrEqual(1);
    expect(first.disturbed).toBe(0);
    expect(first.latencyMs.p50).toBeGreaterThan(0);

    const second = await demo('--limit', '60', '--concurrency', '2');
    expect(second).toMatchObject({ notificationsAccepted: 10, notificationsKnown: 50, duplicates: 0, lost: 0 });
  }, 60_000);

  test('prints a table and says which server it used', async () => {
    const { code, out } = await signalbox('demo', '--url', server.url, '--limit', '5');
    expect(code).toBe(0);
    expect(out).toContain(`Using the server at ${server.url}`);
    expect(out).toMatch(/duplicates +0\n/);
    expect(out).toContain('Everybody got theirs, once, and only urgent ones came in quiet hours.');
  });

  test('leaves a server without a sink alone', async () => {
    const app = await startApp({ SINK: 'off' });
    const ran = await signalbox('demo', '--url', app.url, '--limit', '5');
    expect(ran.code).toBe(1);
    expect(ran.err).toBe(`signalbox: the server at ${app.url} has no sink (SINK=on): the demo would send to real addresses\n`);
    const { body } = await app.get<{ readonly data: readonly unknown[] }>('/api/v1/notifications');
    expect(body.data).toEqual([]);
    await app.stop();
  });

  test('can start a server of its own, and leaves nothing of it behind', () => {
    const module = join(build.directory, 'dist/cli/demo/own-server.js');
    const script = `
      const { startOwnServer } = await import(${JSON.stringify(module)});
      const own = await startOwnServer();
      const live = (await fetch(own.url + '/livez')).status;
      await own.stop();
      const after = await fetch(own.url + '/livez').then(() => 'answers', () => 'gone');
      console.log(live, after, own.directory);`;
    const ran = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', env: {}, timeout: 60_000 });
    const [live, after, directory = ''] = ran.stdout.trim().split(' ');
    expect({ live, after, left: existsSync(directory) }).toEqual({ live: '200', after: 'gone', left: false });
    expect(directory).toContain('signalbox-demo-');
  });
});

describe('The rules of the demo', () => {
  test('send each earthquake to a subscriber at most once, from real places, through every channel', async () => {
    const alerts = alertsFor(await loadQuakes());
    expect(SUBSCRIBERS).toHaveLength(36);
    expect(alerts.length).toBeGreaterThan(1000);
    expect(new Set(alerts.map((alert) => alert.key)).size).toBe(alerts.length);
    for (const channel of ['email', 'webhook', 'in-app', 'sms', 'push'] as const) {
      expect(alerts.filter((alert) => alert.channels.includes(channel)).length).toBeGreaterThan(100);
    }
    expect(new Set(alerts.map((alert) => alert.userId)).size).toBeGreaterThan(30);
  });

  test('put everybody to bed by the clock on their own wall', () => {
    const now = Date.parse('2026-03-10T12:00:30Z');
    expect(new Set(SUBSCRIBERS.map(({ timeZone }) => timeZone)).size).toBeGreaterThan(12);
    const hours = (life: Partial<Life>) => choicesOf({ ...LIFE, ...life }, now, 'http://127.0.0.1:1/sink').quietHours;
    expect(hours({ rest: 'asleep', timeZone: 'Asia/Kathmandu' })).toEqual({ start: '15:45', end: '22:45', timeZone: 'Asia/Kathmandu' });
    expect(hours({ rest: 'waking', timeZone: 'UTC', index: 0 })).toMatchObject({ start: '05:00', end: '12:01' });
    expect(hours({ rest: 'waking', timeZone: 'UTC', index: 1 })).toMatchObject({ end: '12:02' });
    expect(hours({ rest: 'awake', timeZone: 'UTC' })).toMatchObject({ start: '20:00', end: '03:00' });
    // Too near: the window could end while the earth still quakes.
    expect(wakesAt({ index: 0 }, Date.parse('2026-03-10T12:00:50Z'))).toBe(Date.parse('2026-03-10T12:02:00Z'));
  });
});

const LIFE: Life = { id: 'ada', timeZone: 'UTC', rest: 'awake', index: 0, channelOff: null, categoryOff: null };
