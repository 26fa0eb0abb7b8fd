import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, type Json, sinkOf, startApp, type TestApp } from '../support/app.js';
import { startServer } from '../support/server-process.js';

const ROOT = resolve('.');

interface Accepted {
  readonly batchId: string;
  readonly accepted: number;
  readonly rejected: readonly { readonly index: number; readonly pointer: string; readonly reason: string }[];
  readonly items: readonly { readonly index: number; readonly userId: string; readonly notificationId: string; readonly status: string }[];
  readonly idempotentHit: boolean;
}

interface Shown extends Omit<Accepted, 'idempotentHit'> {
  readonly status: string;
  readonly expanded: number;
  readonly nextCursor: string | null;
}

interface Problem {
  readonly code: string;
  readonly errors: readonly { readonly pointer: string; readonly detail: string }[];
}

function batch(recipients: readonly unknown[], change: Json = {}): Json {
  return { recipients, channels: ['webhook'], subject: 'News', body: 'The line is open again.', ...change };
}

describe('A batch of recipients in one call', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ SINK_KEEP: '5000' });
  });
  afterAll(() => app.stop());

  const recipient = (name: string, change: Json = {}): Json => ({
    userId: name,
    to: { webhook: `${app.url}/sink/webhook/${name}` },
    ...change,
  });
  const post = <T = Accepted>(body: Json, headers: Record<string, string> = {}) =>
    app.send<T>('POST', '/api/v1/notifications/batch', body, headers);
  const show = (id: string, query = '') => app.get<Shown>(`/api/v1/notifications/batches/${id}${query}`);

  /** All items of a batch, page by page, once each is in this state, which they do not leave any more. */
  const untilAll = async (id: string, status: string) => {
    const items: Shown['items'][number][] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query: string = `?limit=100${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const page = await eventually(async () => {
        const { body } = await show(id, query);
        return body.items.every((item) => item.status === status) ? body : null;
      }, 60_000);
      items.push(...page.items);
      cursor = page.nextCursor;
    }
    return items;
  };

  it('of a thousand is answered at once, and each who is valid gets exactly one notification', async () => {
    const recipients = Array.from({ length: 1000 }, (_, at) => recipient(`many-${at}`));
    recipients[10] = { userId: 'many-10', to: { webhook: 'ftp://nowhere' } };
    recipients[500] = { userId: 'many-500' };
    recipients[998] = { ...recipients[0] };
    recipients[999] = { userId: 'many-999', to: { webhook: 'http://localhost/x' }, nickname: 'x' };
    const key = { 'Idempotency-Key': 'a-thousand' };
    const { status, body, headers } = await post(batch(recipients), key);
    expect({ status, accepted: body.accepted, items: body.items.length, hit: body.idempotentHit }).toEqual({
      status: 202,
      accepted: 996,
      items: 996,
      hit: false,
    });
    expect(headers.get('location')).toBe(`/api/v1/notifications/batches/${body.batchId}`);
    expect(body.rejected.map(({ index, pointer }) => [index, pointer])).toEqual([
      [10, '/recipients/10/to/webhook'],
      [500, '/recipients/500/to/webhook'],
      [998, '/recipients/998'],
      [999, '/recipients/999/nickname'],
    ]);
    expect(body.rejected[2]?.reason).toBe('is the same as /recipients/0');

    const items = await untilAll(body.batchId, 'delivered');
    expect(items.map(({ index, userId, notificationId }) => ({ index, userId, notificationId, status: 'accepted' }))).toEqual(body.items);
    expect((await show(body.batchId)).body).toMatchObject({ status: 'expanded', accepted: 996, expanded: 996, rejected: body.rejected });

    const { arrivals } = await sinkOf(app, '?channel=webhook');
    const mine = arrivals.map(({ target }) => target).filter((target) => target.includes('many-'));
    expect(mine).toHaveLength(996);
    expect(new Set(mine).size).toBe(996);

    const again = await post(batch(recipients), key);
    expect(again.status).toBe(200);
    expect(again.body).toEqual({ ...body, idempotentHit: true });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    const other = await post<Problem>(batch(recipients, { body: 'Something else.' }), key);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency-conflict']);
  }, 120_000);

  it('makes ordinary notifications: in the lists, with the batch they came in and data of their own', async () => {
    const recipients = [recipient('own-data', { data: { seat: 7 } }), recipient('shared-data')];
    const { body } = await post(batch(recipients, { data: { train: 'IC 2' }, category: 'travel' }));
    await untilAll(body.batchId, 'delivered');
    const [own, shared] = body.items;
    const path = (id: string | undefined): string => `/api/v1/notifications/${id}`;
    expect((await app.get(path(own?.notificationId))).body).toMatchObject({ batchId: body.batchId, data: { seat: 7 }, category: 'travel' });
    expect((await app.get(path(shared?.notificationId))).body).toMatchObject({ userId: 'shared-data', data: { train: 'IC 2' } });
    const listed = await app.get<{ data: { notificationId: string }[] }>('/api/v1/notifications?limit=100');
    expect(listed.body.data.map(({ notificationId }) => notificationId)).toEqual(expect.arrayContaining([own?.notificationId]));
    // The batch itself is none.
    expect((await app.get(path(body.batchId))).status).toBe(404);
    expect(listed.body.data.map(({ notificationId }) => notificationId)).not.toContain(body.batchId);
  });

  it('takes missing addresses from the contacts of each person, as they are when it is accepted', async () => {
    const contact = `${app.url}/sink/webhook/from-contacts`;
    await app.send('PUT', '/api/v1/users/known/preferences', { contacts: { webhook: contact } });
    const body = batch([{ userId: 'known' }, { userId: 'unknown' }]);
    const first = await post(body, { 'Idempotency-Key': 'contacts' });
    expect(first.body.items.map(({ userId }) => userId)).toEqual(['known']);
    expect(first.body.rejected).toMatchObject([{ index: 1, pointer: '/recipients/1/to/webhook' }]);
    await untilAll(first.body.batchId, 'delivered');
    expect((await sinkOf(app)).arrivals.map(({ target }) => target)).toContain('from-contacts');
    // Contacts that change since do not make it another call.
    await app.send('PUT', '/api/v1/users/unknown/preferences', { contacts: { webhook: contact } });
    await app.send('PUT', '/api/v1/users/known/preferences', {});
    const again = await post(body, { 'Idempotency-Key': 'contacts' });
    expect([again.status, again.body]).toEqual([200, { ...first.body, idempotentHit: true }]);
  });

  it('is scheduled and urgent as a whole, and shows the states of its notifications page by page', async () => {
    const recipients = Array.from({ length: 5 }, (_, at) => recipient(`later-${at}`));
    const scheduledFor = new Date(Date.now() + 3_600_000).toISOString();
    const { body } = await post(batch(recipients, { scheduledFor, priority: 'urgent' }));
    await untilAll(body.batchId, 'scheduled');
    const [first] = body.items;
    expect((await app.get(`/api/v1/notifications/${first?.notificationId}`)).body).toMatchObject({ priority: 'urgent', scheduledFor });

    const one = (await show(body.batchId, '?limit=2')).body;
    const two = (await show(body.batchId, `?limit=2&cursor=${one.nextCursor}`)).body;
    const three = (await show(body.batchId, `?limit=2&cursor=${two.nextCursor}`)).body;
    expect([one, two, three].map(({ items }) => items.map(({ index }) => index))).toEqual([[0, 1], [2, 3], [4]]);
    expect(three.nextCursor).toBeNull();
    expect((await show(body.batchId, '?cursor=nonsense')).status).toBe(400);
    const cancelled = await app.send('POST', `/api/v1/notifications/${first?.notificationId}/cancel`);
    expect(cancelled.status).toBe(200);
    expect((await show(body.batchId)).body.items[0]?.status).toBe('cancelled');
  });

  it.each([
    ['without recipients', { recipients: [] }, '/recipients'],
    ['with more than a thousand', { recipients: Array.from({ length: 1001 }, () => ({})) }, '/recipients'],
    ['without a body', { body: undefined }, '/body'],
    ['with a recipient in the common part', { userId: 'someone' }, '/userId'],
    ['with a channel named twice', { channels: ['webhook', 'webhook'] }, '/channels'],
    ['that has run out', { expiresAt: '2020-01-01T00:00:00Z' }, '/expiresAt'],
    ['with nobody valid in it', { recipients: [{ userId: 'x' }, 7] }, '/recipients/0/to/webhook'],
  ])('is refused %s, and nothing of it is stored', async (_what, change, pointer) => {
    const { status, body } = await post<Problem>(batch([recipient('refused')], change));
    expect([status, body.code]).toEqual([400, 'invalid-request']);
    expect(body.errors.map((error) => error.pointer)).toContain(pointer);
  });

  it('is refused when it is too large, or its content is for so many', async () => {
    const large = await post(batch([recipient('large')], { data: { filler: 'x'.repeat(300_000) } }));
    expect(large.status).toBe(413);
    const many = Array.from({ length: 900 }, (_, at) => ({ userId: `u${at}`, to: { webhook: 'http://localhost/x' } }));
    const heavy = await post<Problem>(batch(many, { body: 'x'.repeat(50_000) }));
    expect([heavy.status, heavy.body.errors[0]?.pointer]).toEqual([413, '/body']);
  });
});

describe('A batch whose process is killed in the middle of its expansion', () => {
  it('is expanded by the next process, and nobody gets it twice', async () => {
    await promisify(execFile)(process.execPath, ['scripts/build.mjs', '--if-stale'], { cwd: ROOT });
    const arrivals: string[] = [];
    const receiver = createServer((request, response) => {
      arrivals.push(String(request.url));
      request.resume().once('end', () => response.writeHead(204).end());
    });
    await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done));
    const { port } = receiver.address() as AddressInfo;
    const settings = { LEASE_MS: '1000', SEND_TIMEOUT_MS: '700', WEBHOOK_ALLOW: `127.0.0.1:${port}`, LOG_LEVEL: 'info' };
    // The batch itself is the first, so this is in its second step.
    const doomed = await startServer({ directory: ROOT, settings: { ...settings, FAILPOINT: 'after-accept:301' } });
    const recipients = Array.from({ length: 500 }, (_, at) => ({ userId: `u${at}`, to: { webhook: `http://127.0.0.1:${port}/${at}` } }));
    // Sent only when all is over, so that the crash meets nothing but the expansion.
    const scheduledFor = new Date(Date.now() + 8000).toISOString();
    const answer = await fetch(`${doomed.url}/api/v1/notifications/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(batch(recipients, { scheduledFor })),
    });
    const { batchId } = (await answer.json()) as Accepted;
    expect((await doomed.ended).signal).toBe('SIGKILL');
    const next = await startServer({ directory: ROOT, settings: { ...settings, DATA_DIR: doomed.dataDir } });
    try {
      const shown = await eventually(async () => {
        const response = await fetch(`${next.url}/api/v1/notifications/batches/${batchId}`);
        const body = (await response.json()) as Shown;
        return body.status === 'expanded' ? body : null;
      }, 20_000);
      expect(shown.expanded).toBe(500);
      await eventually(() => Promise.resolve(arrivals.length >= 500), 30_000);
      expect(new Set(arrivals).size).toBe(500);
      expect(arrivals).toHaveLength(500);
    } finally {
      await next.stop();
      receiver.close();
    }
  }, 90_000);
});
