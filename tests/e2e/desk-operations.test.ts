import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually, type Json, sinkOf, startApp, type TestApp, untilStatus } from '../support/app.js';
import { type Audit, DeskTester, type List, type Operation } from './desk-tester.js';

const BULK = '/api/v1/dead-letters/redrive';
let app: TestApp;
let desk: DeskTester;

beforeEach(async () => {
  app = await startApp({ SEND_TIMEOUT_MS: '1500', MAX_RETRY_ATTEMPTS: '1', BREAKER_FAILURES: '1000' });
  desk = new DeskTester(app);
});
afterEach(() => app.stop());

describe('operations on many', () => {
  test('a dry run counts and groups, and writes nothing', async () => {
    await desk.refuses('shop');
    await desk.die('shop', 3);
    const dry = await app.send(`POST`, BULK, { filter: {}, dryRun: true });
    expect(dry).toMatchObject({ status: 200, body: { dryRun: true, matched: 3, groups: [{ count: 3, code: 'http_400' }] } });
    expect(await desk.lines()).toHaveLength(3);
    expect(await desk.audit()).toEqual([]);
    expect((await app.get<Json>('/resources')).body).toMatchObject({ queue: { open: 0 } });
  });

  test('a redrive by filter brings back what matches, once each, and says how far it has got', async () => {
    await desk.refuses('shop');
    await desk.refuses('bank', 410);
    await desk.die('shop', 5);
    await desk.die('bank', 2);
    await desk.heal('shop');
    const begun = await app.send<Operation>('POST', BULK, { filter: { code: 'http_400' }, note: 'the shop is back' });
    expect(begun).toMatchObject({ status: 202, body: { action: 'redrive', status: 'running', matched: 5 } });
    expect(begun.headers.get('location')).toBe(`/api/v1/desk/operations/${begun.body.operationId}`);
    expect(await desk.ended(begun.body.operationId)).toMatchObject({ status: 'completed', matched: 5, done: 5, note: 'the shop is back' });
    await eventually(async () => (await sinkOf(app)).effects.length === 5);
    expect((await desk.lines()).map((line) => line.failure?.code)).toEqual(['http_410', 'http_410']);
    const audit = await desk.audit('?action=redriven');
    expect(audit).toHaveLength(5);
    for (const entry of audit) {
      const detail = { operation: begun.body.operationId, note: 'the shop is back', generationFrom: 1, generationTo: 2 };
      expect(entry).toMatchObject({ actor: 'anonymous', rule: 'desk.redrive', detail });
    }
    const { body } = await app.get<List<Json>>('/api/v1/notifications');
    expect(body.data).toHaveLength(7);
  });

  test('what fails again while it runs is back on the desk and is not redriven again by it', async () => {
    await desk.refuses('shop');
    await desk.die('shop', 4);
    const { body } = await app.send<Operation>('POST', BULK, { filter: {} });
    expect(await desk.ended(body.operationId)).toMatchObject({ status: 'completed', done: 4 });
    await eventually(async () => (await desk.lines()).length === 4);
    expect((await desk.lines()).map((line) => [line.redrives, line.generation])).toEqual(Array.from({ length: 4 }, () => [1, 2]));
  });

  test('go at the rate that was asked for', async () => {
    await desk.refuses('shop');
    await desk.die('shop', 60);
    await desk.heal('shop');
    const { body } = await app.send<Operation>('POST', BULK, { filter: {}, ratePerSecond: 20 });
    expect(await desk.ended(body.operationId)).toMatchObject({ status: 'completed', done: 60 });
    const audit = await desk.audit('?limit=100&action=redriven');
    const at = audit.map((entry) => Date.parse(entry.at)).sort((a, b) => a - b);
    expect(at).toHaveLength(60);
    // Three bursts, a second apart: the last one begins after two seconds.
    const tookMs = (at.at(-1) ?? 0) - (at[0] ?? 0);
    expect(tookMs).toBeGreaterThan(1800);
    expect(tookMs).toBeLessThan(10_000);
    for (const start of at) expect(at.filter((time) => time >= start && time < start + 900).length).toBeLessThanOrEqual(40);
  }, 30_000);

  test('of one kind there is one at a time, a repeated call is answered like the first, and one that is cancelled stops', async () => {
    await desk.refuses('shop');
    await desk.die('shop', 3);
    const key = { 'idempotency-key': 'redrive-1' };
    const slow = { filter: {}, ratePerSecond: 0.1 };
    const first = await app.send<Operation>('POST', BULK, slow, key);
    const repeat = await app.send<Operation>('POST', BULK, slow, key);
    expect(repeat).toMatchObject({ status: 200, body: { ...first.body, idempotentHit: true } });
    expect(repeat.headers.get('idempotency-replayed')).toBe('true');
    expect(await app.send('POST', BULK, { filter: {} }, key)).toMatchObject({ status: 422, body: { code: 'idempotency-conflict' } });
    const other = await app.send('POST', BULK, { filter: { code: 'http_410' } });
    expect(other).toMatchObject({ status: 409, body: { code: 'conflict', detail: expect.stringContaining(first.body.operationId) } });
    const both = await Promise.all(
      [1, 2].map(() => app.send('POST', '/api/v1/dead-letters/discard', { filter: {}, reason: 'old', ratePerSecond: 0.1 })),
    );
    expect(both.map((answer) => answer.status).sort()).toEqual([202, 409]);

    const path = `/api/v1/desk/operations/${first.body.operationId}`;
    await eventually(async () => (await app.get<Operation>(path)).body.done === 1);
    await app.send('POST', `${path}/cancel`);
    expect(await desk.ended(first.body.operationId)).toMatchObject({ status: 'cancelled', done: 1, matched: 3 });
  });

  test('discard what matches with a reason, and what was done is in the audit', async () => {
    await desk.refuses('shop');
    const ids = await desk.die('shop', 3);
    expect(await app.send('POST', '/api/v1/dead-letters/discard', { filter: {} })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/reason', detail: 'is required' }] },
    });
    const { body } = await app.send<Operation>('POST', '/api/v1/dead-letters/discard', { filter: {}, reason: 'the shop has closed' });
    expect(await desk.ended(body.operationId)).toMatchObject({ action: 'discard', status: 'completed', done: 3 });
    for (const id of ids) expect((await untilStatus(app, id, ['cancelled'])).deliveries[0]?.reason).toBe('desk.discarded');
    const pages: Audit[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: List<Audit> = (await app.get<List<Audit>>(`/api/v1/desk/audit?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)).body;
      pages.push(...page.data);
      cursor = page.nextCursor;
    }
    expect(pages.map((entry) => [entry.action, entry.detail.reason])).toEqual(
      Array.from({ length: 3 }, () => ['discarded', 'the shop has closed']),
    );
    expect(new Set(pages.map((entry) => entry.recordId))).toEqual(new Set(ids));
  });

  test('name what is wrong with them', async () => {
    const wrong = async (body: unknown): Promise<unknown> => (await app.send<{ errors: unknown }>('POST', BULK, body)).body.errors;
    expect(await wrong({})).toEqual([{ pointer: '/filter', detail: 'is required' }]);
    expect(await wrong({ filter: { colour: 'red', until: 'now' }, speed: 1 })).toEqual(
      expect.arrayContaining([
        { pointer: '/filter/colour', detail: 'is not a known field' },
        expect.objectContaining({ pointer: '/filter/until' }),
        { pointer: '/speed', detail: 'is not a known field' },
      ]),
    );
    for (const ratePerSecond of [0, 0.01, 1001, '5']) {
      expect(await wrong({ filter: {}, ratePerSecond })).toEqual([expect.objectContaining({ pointer: '/ratePerSecond' })]);
    }
    for (const note of ['', 'x'.repeat(501), 'two\nlines']) {
      expect(await wrong({ filter: {}, note })).toEqual(expect.arrayContaining([expect.objectContaining({ pointer: '/note' })]));
    }
    expect((await app.get('/api/v1/desk/operations/nobody')).status).toBe(404);
  });
});
