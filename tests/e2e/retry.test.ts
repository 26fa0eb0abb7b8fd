import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { accept, type Json, notification, sinkOf, startApp, type TestApp, untilStatus, webhookNotification } from '../support/app.js';

const script = (app: TestApp, behaviour: Json) => app.send('PUT', '/sink/behaviour', behaviour);

describe('A provider that is not well', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ SEND_TIMEOUT_MS: '1500', BREAKER_OPEN_MS: '100' });
  });
  afterAll(() => app.stop());
  afterEach(() => app.send('DELETE', '/sink/behaviour'));

  it('answers 503 three times, 429 with Retry-After 2, then 200: one delivery, with its attempts and waits on the record', async () => {
    const steps = [
      { do: 'status', status: 503, times: 3 },
      { do: 'status', status: 429, retryAfterS: 2 },
    ];
    await script(app, { channel: 'webhook', name: 'shaky', steps });
    const id = await accept(app, webhookNotification(app, 'shaky'));
    const { deliveries } = await untilStatus(app, id, ['delivered', 'dead'], 20_000);
    const attempts = deliveries[0]?.attempts ?? [];
    expect(attempts.map(({ result, code }) => [result, code])).toEqual([
      ['retry', 'http_503'],
      ['retry', 'http_503'],
      ['retry', 'http_503'],
      ['throttled', 'http_429'],
      ['delivered', null],
    ]);
    for (const attempt of attempts.slice(0, 4)) expect(attempt.retryAt).not.toBeNull();
    expect(Date.parse(attempts[4]?.startedAt ?? '') - Date.parse(attempts[3]?.startedAt ?? '')).toBeGreaterThanOrEqual(2000);
    const { effects } = await sinkOf(app, `?operationId=${deliveries[0]?.operationId}`);
    expect(effects.map((effect) => effect.duplicates)).toEqual([0]);
  });

  it('fails for ever: a dead letter after the first attempt and MAX_RETRY_ATTEMPTS retries, listed with its reason', async () => {
    await script(app, { channel: 'webhook', name: 'broken', steps: [], then: { do: 'status', status: 500 } });
    const id = await accept(app, webhookNotification(app, 'broken'));
    const { deliveries } = await untilStatus(app, id, ['dead']);
    expect(deliveries[0]?.attempts).toHaveLength(4);
    const { body } = await app.get<{ data: Json[] }>('/api/v1/dead-letters?workload=notifications');
    const letter = body.data.find((item) => item.recordId === id);
    expect(letter).toMatchObject({
      reason: 'retries.exhausted',
      failure: { code: 'http_500' },
      attempts: 4,
      fingerprint: deliveries[0]?.fingerprint,
    });
    const detail = await app.get<{ ledger: Json[] }>(`/api/v1/dead-letters/${deliveries[0]?.deliveryId}`);
    expect(detail.body.ledger).toHaveLength(8);
  });

  it('refuses for good: dead at once, with no retry', async () => {
    await script(app, { channel: 'email', name: 'gone@example.org', steps: [], then: { do: 'status', status: 550, at: 'rcpt' } });
    const id = await accept(app, notification({ to: { email: 'gone@example.org' } }));
    const { deliveries } = await untilStatus(app, id, ['dead']);
    expect(deliveries[0]).toMatchObject({ reason: 'effect.refused', attempts: [{ code: 'smtp_550' }] });
  });

  it('hangs: the webhook is timed out and sent again under the same id, and never has two effects', async () => {
    await script(app, { channel: 'webhook', name: 'sleepy', steps: [{ do: 'hang', times: 2 }] });
    const id = await accept(app, webhookNotification(app, 'sleepy'));
    const { deliveries } = await untilStatus(app, id, ['delivered']);
    expect(deliveries[0]?.attempts.map(({ result, code }) => [result, code])).toEqual([
      ['unknown', 'timeout'],
      ['unknown', 'timeout'],
      ['delivered', null],
    ]);
    const { arrivals, effects } = await sinkOf(app, `?operationId=${deliveries[0]?.operationId}`);
    expect([arrivals.length, effects.length]).toEqual([3, 1]);
  });

  it('hangs after the content of an e-mail: held, listed, never sent again, until a person says what became of it', async () => {
    await script(app, { channel: 'email', name: 'silent@example.org', steps: [{ do: 'hang' }] });
    const id = await accept(app, notification({ to: { email: 'silent@example.org' } }));
    const { deliveries } = await untilStatus(app, id, ['held']);
    const held = await app.get<{ data: Json[] }>('/api/v1/held');
    expect(held.body.data.map((item) => item.recordId)).toContain(id);
    expect((await app.get<{ data: Json[] }>('/api/v1/notifications?status=held')).body.data.map((item) => item.notificationId)).toEqual([
      id,
    ]);

    const resolved = await app.send('POST', `/api/v1/notifications/${id}/resolve`, {
      resolution: 'delivered',
      note: 'seen by the recipient',
    });
    expect([resolved.status, resolved.body.status]).toEqual([200, 'delivered']);
    expect((await sinkOf(app, `?operationId=${deliveries[0]?.operationId}`)).arrivals).toHaveLength(1);
    expect((await app.send('POST', `/api/v1/notifications/${id}/resolve`, { resolution: 'resend' })).status).toBe(409);
    const deliveryId = deliveries[0]?.deliveryId;
    expect((await app.send('POST', `/api/v1/notifications/${id}/resolve`, { resolution: 'delivered', deliveryId })).status).toBe(200);
  });

  it('cuts the connection before the reply to an e-mail: resent only when a person says so, under the same Message-ID', async () => {
    await script(app, { channel: 'email', name: 'cut@example.org', steps: [{ do: 'drop-reply' }] });
    const id = await accept(app, notification({ to: { email: 'cut@example.org' } }));
    await untilStatus(app, id, ['held']);
    expect((await app.send('POST', `/api/v1/notifications/${id}/resolve`, { resolution: 'resend' })).status).toBe(200);
    const { deliveries } = await untilStatus(app, id, ['delivered']);
    const { arrivals } = await sinkOf(app, `?operationId=${deliveries[0]?.operationId}`);
    expect(arrivals).toHaveLength(2);
    const names = (await app.get<{ events: { name: string }[] }>(`/api/v1/notifications/${id}/explain`)).body.events.map(
      (event) => event.name,
    );
    expect(names).toEqual(['accepted', 'claimed', 'attempted', 'held', 'resolved', 'claimed', 'attempted', 'delivered']);
  });
});

describe('Policies for an unknown outcome of an e-mail', () => {
  it.each([
    ['resend', 2],
    ['assume-delivered', 1],
  ])('%s: comes to rest by itself as delivered, with %i arrivals', async (policy, arrivals) => {
    const app = await startApp({ EMAIL_UNKNOWN_POLICY: policy });
    try {
      await script(app, { channel: 'email', steps: [{ do: 'drop-reply' }] });
      const { deliveries } = await untilStatus(app, await accept(app, notification()), ['delivered']);
      expect((await sinkOf(app, `?operationId=${deliveries[0]?.operationId}`)).arrivals).toHaveLength(arrivals);
    } finally {
      await app.stop();
    }
  });
});

describe('A cancel that comes while a worker holds the notification', () => {
  it('lets the call under way end and makes no further one', async () => {
    const app = await startApp();
    try {
      await script(app, { channel: 'webhook', name: 'slow', steps: [{ do: 'status', status: 503 }], then: 'ok' });
      await script(app, { channel: 'email', name: 'a@example.org', steps: [{ do: 'delay', delayMs: 300 }] });
      const to = { email: 'a@example.org', webhook: `${app.url}/sink/webhook/slow` };
      const id = await accept(app, notification({ channels: ['email', 'webhook'], to }));
      await untilStatus(app, id, ['processing']);
      const answer = await app.send('POST', `/api/v1/notifications/${id}/cancel`);
      expect([answer.status, answer.body.status]).toEqual([202, 'processing']);
      const { deliveries } = await untilStatus(app, id, ['partial', 'delivered', 'cancelled']);
      expect(Object.fromEntries(deliveries.map(({ channel, status }) => [channel, status]))).toEqual({
        email: 'delivered',
        webhook: 'cancelled',
      });
    } finally {
      await app.stop();
    }
  });
});

describe('A lease that is as long as its cap', () => {
  it('does not stop a healthy call: it is only renewed no more', async () => {
    const app = await startApp({ LEASE_MS: '3000', LOCK_DURATION_MS: '3000', SEND_TIMEOUT_MS: '2000' });
    try {
      await script(app, { channel: 'email', steps: [{ do: 'delay', delayMs: 1500 }] });
      const { deliveries } = await untilStatus(app, await accept(app, notification()), ['delivered', 'held']);
      expect(deliveries[0]?.status).toBe('delivered');
    } finally {
      await app.stop();
    }
  });
});

describe('A slow receiver', () => {
  it('does not hold up what goes elsewhere, and gets all of its own in the end', async () => {
    const app = await startApp({ WORKER_BATCH_SIZE: '10', RETRY_BACKOFF_MAX_MS: '200' });
    try {
      await script(app, { channel: 'webhook', name: 'slow', steps: [{ do: 'delay', delayMs: 1500, times: 90 }] });
      const slow = await Promise.all(
        Array.from({ length: 90 }, (_, n) => accept(app, webhookNotification(app, 'slow', { subject: `s${n}`, userId: `u${n}` }))),
      );
      const startedAt = performance.now();
      await untilStatus(app, await accept(app, notification({ to: { email: 'other@example.org' } })), ['delivered']);
      // 90 calls of 1.5 s at 32 a time, and 40 hands; the mail need wait for none but those who stood in line for a second.
      expect(performance.now() - startedAt).toBeLessThan(4000);
      for (const id of slow) await untilStatus(app, id, ['delivered'], 30_000);
    } finally {
      await app.stop();
    }
  });

  it('lets what waits for it expire on time, without turning round and round', async () => {
    const app = await startApp();
    try {
      await script(app, { channel: 'webhook', name: 'slow', steps: [{ do: 'delay', delayMs: 4000, times: 100 }] });
      for (let n = 0; n < 40; n += 1) await accept(app, webhookNotification(app, 'slow', { subject: `s${n}` }));
      const expiresAt = new Date(Date.now() + 1800).toISOString();
      const id = await accept(app, webhookNotification(app, 'slow', { expiresAt }));
      const { deliveries } = await untilStatus(app, id, ['expired', 'delivered']);
      expect(deliveries[0]).toMatchObject({ status: 'expired', attempts: [] });
      expect(Date.now() - Date.parse(expiresAt)).toBeLessThan(1500);
      const { body } = await app.get<{ events: { name: string }[] }>(`/api/v1/notifications/${id}/explain`);
      expect(body.events.filter((event) => event.name === 'claimed').length).toBeLessThan(6);
    } finally {
      await app.stop();
    }
  });
});
