import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ApiClient } from '../../src/cli/api-client.js';
import { TailWatch } from '../../src/cli/tail-watch.js';
import { accept, notification, startApp, type TestApp, untilStatus, webhookNotification } from '../support/app.js';
import { signalbox } from './capture.js';

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
});

afterAll(() => app.stop());

interface Line {
  readonly at: string;
  readonly notificationId: string;
  readonly userId: string;
  readonly from: string | null;
  readonly status: string;
}

function linesOf(out: string): readonly Line[] {
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

describe('signalbox tail', () => {
  test('tells of a notification and of its delivery, one a line, and ends by itself at the limit', async () => {
    const following = signalbox('tail', '--url', app.url, '--user', 'tailed', '--since', '1m', '--limit', '2');
    const id = await accept(app, notification({ userId: 'tailed', subject: 'On its way' }));
    const { code, out, err } = await following;
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const [first, second, ...more] = out.trimEnd().split('\n');
    expect(first).toMatch(new RegExp(`^\\S+Z  ${id}  tailed  queued  On its way$`));
    expect(second).toMatch(new RegExp(`^\\S+Z  ${id}  tailed  (queued|processing) -> (delivered|processing)$`));
    expect(more).toEqual([]);
  });

  test('gives NDJSON, of one state where it is asked for', async () => {
    const following = signalbox(
      'tail',
      '--json',
      '--url',
      app.url,
      '--user',
      'states',
      '--since',
      '1m',
      '--status',
      'delivered',
      '--limit',
      '2',
    );
    const ids = [await accept(app, notification({ userId: 'states' })), await accept(app, notification({ userId: 'states' }))];
    const lines = linesOf((await following).out);
    expect(lines.map(({ userId, status }) => ({ userId, status }))).toEqual([
      { userId: 'states', status: 'delivered' },
      { userId: 'states', status: 'delivered' },
    ]);
    expect(lines.map((line) => line.notificationId).sort()).toEqual([...ids].sort());
  });

  test('tells of a later change to what was open before it began, and of nothing else from before', async () => {
    const later = new Date(Date.now() + 3_600_000).toISOString();
    await untilStatus(app, await accept(app, notification({ userId: 'before' })), ['delivered']);
    const waiting = await accept(app, notification({ userId: 'before', scheduledFor: later }));
    const watch = new TailWatch(new ApiClient(app.url), 'before');
    await watch.start(undefined);
    expect(await watch.look()).toEqual([]);
    await app.send('POST', `/api/v1/notifications/${waiting}/cancel`);
    expect(await watch.look()).toMatchObject([{ notificationId: waiting, from: 'scheduled', status: 'cancelled' }]);
    expect(await watch.look()).toEqual([]);
  });

  test('tells of everything that the desk has brought back, also where that fills more than a page of the audit', async () => {
    const at = new Date().toISOString();
    const ids = Array.from({ length: 120 }, (_, n) => `r${n}`);
    const audit = (from: number) => ({
      data: ids.slice(from, from + 100).map((recordId) => ({ at, recordId })),
      nextCursor: from === 0 ? 'more' : null,
    });
    const client = {
      get: () => Promise.resolve({ data: [], nextCursor: null }),
      find: (path: string) => {
        if (path.includes('/desk/audit')) return Promise.resolve(audit(path.includes('cursor=more') ? 100 : 0));
        const notificationId = path.split('/').at(-1) ?? '';
        return Promise.resolve({ notificationId, userId: 'ada', status: 'queued', acceptedAt: at, updatedAt: at, scheduledFor: null });
      },
    } as unknown as ApiClient;
    const watch = new TailWatch(client, undefined);
    await watch.start(undefined);
    const told = new Set<string>();
    for (let looks = 0; looks < 3; looks += 1) for (const { notificationId } of await watch.look()) told.add(notificationId);
    expect(told).toEqual(new Set(ids));
  });

  test('is ended by Ctrl-C with 0, and says nothing more', async () => {
    const id = await accept(app, webhookNotification(app, 'tail', { userId: 'interrupted' }));
    const child = spawn(process.execPath, ['bin/signalbox.mjs', 'tail', '--url', app.url, '--user', 'interrupted', '--since', '1m'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {},
    });
    const ended = once(child, 'exit');
    const lines = createInterface({ input: child.stdout });
    const [line] = (await once(lines, 'line')) as [string];
    expect(line).toContain(id);
    child.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
  });

  test('fails where nobody answers', async () => {
    const { code, err } = await signalbox('tail', '--url', 'http://127.0.0.1:9');
    expect({ code, err: err.includes('no answer from http://127.0.0.1:9') }).toEqual({ code: 1, err: true });
  });
});
