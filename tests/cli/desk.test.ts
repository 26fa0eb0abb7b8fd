import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accept, notification, startApp, type TestApp, untilStatus, webhookNotification } from '../support/app.js';
import { signalbox } from './capture.js';

let app: TestApp;

beforeAll(async () => {
  app = await startApp({ SEND_TIMEOUT_MS: '1000' });
});

afterAll(() => app.stop());

interface Listing {
  readonly data: readonly {
    readonly deliveryId: string;
    readonly recordId: string;
    readonly fingerprint: string;
    readonly count: number;
  }[];
}

async function cli(...argv: readonly string[]): Promise<string> {
  const { code, out, err } = await signalbox(...argv, '--url', app.url);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out;
}

async function json<T = Listing>(...argv: readonly string[]): Promise<T> {
  return JSON.parse(await cli(...argv, '--json')) as T;
}

async function script(channel: 'email' | 'webhook', name: string, step: Readonly<Record<string, unknown>>): Promise<void> {
  const answer = await app.send('PUT', '/sink/behaviour', { channel, name, steps: [step] });
  expect(answer.status).toBe(200);
}

/** Two notifications that this receiver refuses for good, until it is told otherwise. */
async function twoDead(name: string): Promise<readonly string[]> {
  await script('webhook', name, { do: 'status', status: 410, times: 2 });
  const ids = await Promise.all(['one', 'two'].map((subject) => accept(app, webhookNotification(app, name, { userId: name, subject }))));
  for (const id of ids) await untilStatus(app, id, ['dead']);
  return ids;
}

describe('signalbox dlq', () => {
  test('lists, groups and shows what is dead', async () => {
    const ids = await twoDead('shown');
    const { data } = await json('dlq', 'list', '--user', 'shown', '--since', '1h');
    expect(data.map((row) => row.recordId).sort()).toEqual([...ids].sort());
    const [row] = data;
    const table = await cli('dlq', 'list', '--user', 'shown');
    expect(table).toMatch(/^delivery .*error .*message/);
    expect(table).toContain(row?.deliveryId);

    const groups = await json('dlq', 'group', '--user', 'shown');
    expect(groups.data).toMatchObject([{ fingerprint: row?.fingerprint, count: 2 }]);
    expect(await cli('dlq', 'group', '--user', 'shown')).toMatch(new RegExp(`2 +webhook +http_410 +${row?.fingerprint}`));

    const shown = await cli('dlq', 'show', row?.deliveryId ?? '');
    expect(shown).toMatch(/error +http_410/);
    expect(shown).toMatch(/attempt 1 .* dead: http_410/);
    expect(shown).toMatch(/accepted +accept\.direct|accepted +accept/);
    expect(await cli('dlq', 'list', '--user', 'nobody')).toBe('there are no dead letters that match\n');
  });

  test('redrives one by its id; a second failure is back with its history', async () => {
    await script('webhook', 'again', { do: 'status', status: 410, times: 2 });
    const id = await accept(app, webhookNotification(app, 'again', { userId: 'again' }));
    await untilStatus(app, id, ['dead']);
    const [row] = (await json('dlq', 'list', '--user', 'again')).data;
    const deliveryId = row?.deliveryId ?? '';
    expect(await cli('dlq', 'redrive', deliveryId, '--note', 'perhaps now')).toMatch(new RegExp(`^${deliveryId}  \\w+\n$`));
    await untilStatus(app, id, ['dead']);
    const shown = await cli('dlq', 'show', deliveryId);
    expect(shown).toMatch(/redriven +1 times/);
    expect(shown).toMatch(/life 1\n {2}attempt 1[^\n]*\nlife 2\n {2}attempt 1/);

    const answer = await json<{ readonly deliveryId: string }>('dlq', 'redrive', deliveryId);
    expect(answer.deliveryId).toBe(deliveryId);
    await untilStatus(app, id, ['delivered']);
    const audit = await cli('desk', 'audit', '--action', 'redriven');
    expect(
      audit
        .trimEnd()
        .split('\n')
        .filter((line) => line.includes(deliveryId)),
    ).toHaveLength(2);
    expect(audit).toContain('note=perhaps now');
  });

  test('redrives all of a filter at a rate, after a dry run that changes nothing', async () => {
    const ids = await twoDead('many');
    expect(await cli('dlq', 'redrive', '--user', 'many', '--dry-run')).toMatch(/^2 dead letters would be redriven\n[\s\S]*http_410/);
    expect(await json('dlq', 'redrive', '--user', 'many', '--dry-run')).toMatchObject({ dryRun: true, matched: 2 });
    const ended = await json('dlq', 'redrive', '--user', 'many', '--rate', '100', '--note', 'receiver is back', '--yes');
    expect(ended).toMatchObject({ status: 'completed', matched: 2, done: 2 });
    for (const id of ids) await untilStatus(app, id, ['delivered']);
    expect((await json('dlq', 'list', '--user', 'many')).data).toEqual([]);
    expect(await cli('dlq', 'redrive', '--user', 'many', '--yes')).toMatch(/completed: 0 of 0 dead letters redriven\n$/);
  });

  test('a dry run of a single one changes nothing either', async () => {
    const ids = await twoDead('single');
    const [one] = (await json('dlq', 'list', '--user', 'single')).data;
    const deliveryId = one?.deliveryId ?? '';
    expect(await cli('dlq', 'redrive', deliveryId, '--dry-run')).toMatch(/^1 dead letters would be redriven\n[\s\S]*http_410/);
    expect(await cli('dlq', 'discard', deliveryId, '--reason', 'x', '--dry-run')).toMatch(/^1 dead letters would be discarded\n/);
    const told = { dryRun: true, matched: 1, groups: [{ count: 1, fingerprint: one?.fingerprint, sample: deliveryId }] };
    expect(await json('dlq', 'redrive', deliveryId, '--dry-run')).toMatchObject(told);
    expect((await json('dlq', 'list', '--user', 'single')).data).toHaveLength(ids.length);
    expect(await cli('desk', 'audit')).not.toContain(deliveryId);
    const nowhere = await signalbox('dlq', 'redrive', 'nowhere', '--dry-run', '--url', app.url);
    expect(nowhere).toMatchObject({ code: 1, out: '', err: expect.stringContaining('404') });
  });

  test('need not wait for it: the operation can be asked after, and stopped', async () => {
    await twoDead('slow');
    const begun = await json<{ readonly operationId: string }>('dlq', 'redrive', '--user', 'slow', '--rate', '0.1', '--yes', '--no-wait');
    expect(begun).toMatchObject({ status: 'running', matched: 2 });
    const { operationId } = begun;
    expect(await cli('desk', 'operation', operationId)).toMatch(new RegExp(`^${operationId}  redrive  running: \\d of 2\n$`));
    await cli('desk', 'cancel', operationId);
    const again = await signalbox('desk', 'operation', 'nowhere', '--url', app.url);
    expect(again).toMatchObject({ code: 1, out: '', err: expect.stringContaining('404') });
  });

  test('discards one, and all of a filter, with a reason that the audit keeps', async () => {
    await twoDead('given-up');
    const [one] = (await json('dlq', 'list', '--user', 'given-up')).data;
    expect(await cli('dlq', 'discard', one?.deliveryId ?? '', '--reason', 'account closed')).toBe(`${one?.deliveryId}  cancelled\n`);
    const ended = await cli('dlq', 'discard', '--user', 'given-up', '--reason', 'account closed', '--yes');
    expect(ended).toMatch(/completed: 1 of 1 dead letters discarded\n$/);
    expect((await json('dlq', 'list', '--user', 'given-up')).data).toEqual([]);
    expect(await cli('desk', 'audit', '--action', 'discarded')).toContain('account closed');
  });

  test('a blank is no reason', async () => {
    const [id] = await twoDead('blank');
    const [one] = (await json('dlq', 'list', '--user', 'blank')).data;
    const ran = await signalbox('dlq', 'discard', one?.deliveryId ?? '', '--reason', ' ', '--url', app.url);
    expect(ran).toEqual({ code: 1, out: '', err: 'signalbox: ?reason must not be blank (400 invalid-request)\n' });
    await untilStatus(app, id ?? '', ['dead']);
  });

  test('says what the server says of what it cannot do', async () => {
    const ran = await signalbox('dlq', 'redrive', '00000000-0000-4000-8000-000000000000', '--url', app.url);
    expect(ran).toEqual({ code: 1, out: '', err: 'signalbox: There is no delivery with this id (404 not-found)\n' });
    const bad = await signalbox('dlq', 'list', '--fingerprint', 'x', '--code', '%', '--url', app.url);
    expect(bad.code).toBe(1);
    expect(bad.err).toMatch(/^signalbox: \?fingerprint must be [^\n]*; \?code must be [^\n]*\(400 invalid-request\)\n$/);
  });
});

describe('signalbox held', () => {
  test('lists, groups, shows and settles what nobody can know', async () => {
    await script('email', 'unsure@example.org', { do: 'hang', times: 2 });
    const ids = await Promise.all(
      ['one', 'two'].map((subject) => accept(app, notification({ userId: 'unsure', subject, to: { email: 'unsure@example.org' } }))),
    );
    for (const id of ids) await untilStatus(app, id, ['held']);
    const { data } = await json('held', 'list', '--user', 'unsure');
    expect(data.map((row) => row.recordId).sort()).toEqual([...ids].sort());
    const [one] = data;
    const deliveryId = one?.deliveryId ?? '';
    expect(await cli('held', 'list')).toContain(deliveryId);
    expect(await cli('held', 'group', '--user', 'unsure')).toMatch(/^count +channel +error +first[\s\S]*2 +email/);
    expect(await cli('held', 'show', deliveryId)).toMatch(/attempt 1 .* unknown/);

    const dry = await cli('held', 'resolve', deliveryId, '--as', 'resend', '--dry-run');
    expect(dry).toMatch(/^1 held deliveries would be resolved\n/);
    expect(await cli('held', 'list')).toContain(deliveryId);
    expect(await cli('held', 'resolve', deliveryId, '--as', 'delivered', '--note', 'seen it')).toBe(`${deliveryId}  delivered\n`);
    const ended = await cli('held', 'resolve', '--user', 'unsure', '--as', 'dead', '--yes');
    expect(ended).toMatch(/completed: 1 of 1 held deliveries resolved\n$/);
    expect(await cli('held', 'list', '--user', 'unsure')).toBe('nothing is held that matches\n');
    expect((await json('dlq', 'list', '--user', 'unsure')).data).toHaveLength(1);
  });
});
