import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FILE_NAME } from '../../src/adapters/embedded/open.js';
import { loadSqlite } from '../../src/adapters/embedded/sqlite.js';
import {
  accept,
  eventually,
  type Json,
  notification,
  sinkOf,
  startApp,
  type TestApp,
  untilStatus,
  webhookNotification,
} from '../support/app.js';

describe('A notification, end to end on the embedded platform', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());

  it('is answered 202 with its id and place, and the mail is at the sink', async () => {
    const answer = await app.send('POST', '/api/v1/notifications', notification(), { 'X-Request-Id': 'req-42' });
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({
      notificationId: expect.any(String),
      status: 'queued',
      acceptedAt: expect.any(String),
      idempotentHit: false,
    });
    expect(answer.headers.get('location')).toBe(`/api/v1/notifications/${String(answer.body.notificationId)}`);
    expect(answer.headers.get('x-request-id')).toBe('req-42');

    const delivered = await untilStatus(app, String(answer.body.notificationId), ['delivered']);
    const [delivery] = delivered.deliveries;
    expect(delivery?.attempts.map(({ attempt, result }) => [attempt, result])).toEqual([[1, 'delivered']]);
    const { arrivals } = await sinkOf(app, `?operationId=${delivery?.operationId}`);
    expect(arrivals).toHaveLength(1);
    expect(arrivals[0]).toMatchObject({ target: 'a@example.org', channel: 'email', requestId: 'req-42' });
  });

  it('reaches its receiver whole however large it is, and no wake-up carries any of it', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'signalbox-large-'));
    const body = 'a large body, again and again; '.repeat(3000);
    const accepting = await startApp({ DATA_DIR: dataDir, ENABLE_STREAM_CONSUMERS: 'false' });
    const id = await accept(accepting, notification({ body }));
    await accepting.stop();

    const { DatabaseSync } = await loadSqlite();
    const file = new DatabaseSync(join(dataDir, FILE_NAME));
    const rows = file.prepare('SELECT * FROM wake_ups').all();
    file.close();
    expect(rows).toMatchObject([{ id }]);
    expect(JSON.stringify(rows).length).toBeLessThan(300);

    const working = await startApp({ DATA_DIR: dataDir });
    await untilStatus(working, id, ['delivered']);
    expect((await working.get<{ body: string }>(`/api/v1/notifications/${id}`)).body.body).toBe(body);
    await working.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('goes to every channel it names, each with an operation id of its own, webhooks signed', async () => {
    const to = { email: 'b@example.org', webhook: `${app.url}/sink/webhook/both` };
    const id = await accept(app, notification({ channels: ['email', 'webhook'], to }));
    const { deliveries } = await untilStatus(app, id, ['delivered']);
    expect(new Set(deliveries.map((delivery) => delivery.operationId)).size).toBe(2);
    const webhook = deliveries.find((delivery) => delivery.channel === 'webhook');
    const { arrivals } = await sinkOf(app, `?operationId=${webhook?.operationId}`);
    expect(arrivals.map((arrival) => arrival.signature)).toEqual(['valid']);
  });

  it('waits for its scheduled time and goes within a second of it, with nothing polling', async () => {
    const scheduledFor = new Date(Date.now() + 600).toISOString();
    const answer = await app.send('POST', '/api/v1/notifications', notification({ scheduledFor }));
    expect(answer.body.status).toBe('scheduled');
    const id = String(answer.body.notificationId);
    expect((await app.get(`/api/v1/notifications/${id}`)).body.status).toBe('scheduled');
    const { deliveries } = await untilStatus(app, id, ['delivered']);
    const sentAt = Date.parse(deliveries[0]?.attempts[0]?.startedAt ?? '');
    expect(sentAt).toBeGreaterThanOrEqual(Date.parse(scheduledFor));
    expect(sentAt - Date.parse(scheduledFor)).toBeLessThan(1000);
  });

  it('is cancelled while it waits, and then never goes', async () => {
    const id = await accept(app, notification({ scheduledFor: new Date(Date.now() + 3_600_000).toISOString() }));
    const cancelled = await app.send('POST', `/api/v1/notifications/${id}/cancel`);
    expect([cancelled.status, cancelled.body.status]).toEqual([200, 'cancelled']);
    // Whoever did not hear the answer asks again, and is told the same.
    const again = await app.send('POST', `/api/v1/notifications/${id}/cancel`);
    expect([again.status, again.body.status]).toEqual([200, 'cancelled']);
    const delivered = await accept(app, notification());
    await untilStatus(app, delivered, ['delivered']);
    const late = await app.send('POST', `/api/v1/notifications/${delivered}/cancel`);
    expect([late.status, late.body.code]).toEqual([409, 'conflict']);
  });

  it('expires instead of going out late', async () => {
    await app.send('PUT', '/sink/behaviour', {
      channel: 'webhook',
      name: 'late',
      steps: [],
      then: { do: 'status', status: 429, retryAfterS: 60 },
    });
    // Put off for a minute, it is still looked at when it ends.
    const expiresAt = new Date(Date.now() + 400).toISOString();
    const id = await accept(app, webhookNotification(app, 'late', { expiresAt }));
    const { deliveries } = await untilStatus(app, id, ['expired']);
    expect(deliveries[0]).toMatchObject({ status: 'expired', reason: 'expiry' });
  });

  it('explains itself: every decision with its rule, in the order in which they were taken', async () => {
    const id = await accept(app, notification());
    await untilStatus(app, id, ['delivered']);
    const { body } = await app.get<{ events: { name: string; rule: string; clock: string }[] }>(`/api/v1/notifications/${id}/explain`);
    expect(body.events.map(({ name, rule }) => [name, rule])).toEqual([
      ['accepted', 'accept.new'],
      ['claimed', 'claim.due'],
      ['attempted', 'due'],
      ['delivered', 'effect.done'],
    ]);
  });

  it('is found in the list by user and status, page by page, each once', async () => {
    const ids = new Set<string>();
    for (let n = 0; n < 7; n += 1) ids.add(await accept(app, notification({ userId: 'lister', subject: `n${n}` })));
    await eventually(
      async () =>
        (await app.get<{ data: Json[] }>('/api/v1/notifications?userId=lister&status=delivered&limit=100')).body.data.length === 7,
    );
    const seen: unknown[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: { data: Json[]; nextCursor: string | null } = (
        await app.get<{ data: Json[]; nextCursor: string | null }>(
          `/api/v1/notifications?userId=lister&limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`,
        )
      ).body;
      seen.push(...page.data.map((item) => item.notificationId));
      cursor = page.nextCursor;
    }
    expect(seen).toHaveLength(7);
    expect(new Set(seen)).toEqual(ids);
  });

  it('is reached under the unversioned path too, and an unknown id is a 404 problem', async () => {
    const id = await accept(app, notification());
    expect((await app.get(`/api/notifications/${id}`)).status).toBe(200);
    const missing = await app.get('/api/v1/notifications/00000000-0000-0000-0000-000000000000');
    expect([missing.status, missing.body.code]).toEqual([404, 'not-found']);
    expect(missing.headers.get('content-type')).toContain('application/problem+json');
  });
});
