import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startReceiver } from '../channels/webhook-receivers.js';
import { accept, eventually, type Json, notification, sinkOf, startApp, type TestApp, untilStatus } from '../support/app.js';

const PHONE = '+351912345678';
const ALL = { email: 'a@example.org', phone: '+351 912 345 678', pushToken: 'device-1' };

const script = (app: TestApp, behaviour: Json) => app.send('PUT', '/sink/behaviour', behaviour);
const sms = (change: Json = {}): Json => notification({ channels: ['sms'], to: { phone: PHONE }, ...change });
const push = (change: Json = {}): Json => notification({ channels: ['push'], to: { pushToken: 'device-1' }, ...change });

describe('Every channel, without anything configured', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ SEND_TIMEOUT_MS: '1500', BREAKER_OPEN_MS: '60000', BREAKER_FAILURES: '3', MAX_RETRY_ATTEMPTS: '10' });
  });
  afterAll(() => app.stop());
  afterEach(() => app.send('DELETE', '/sink/behaviour'));

  it('delivers one notification five ways: to the sink, and to the inbox', async () => {
    const to = { ...ALL, webhook: `${app.url}/sink/webhook/all` };
    const id = await accept(app, notification({ channels: ['email', 'sms', 'push', 'webhook', 'in-app'], to }));
    const { deliveries } = await untilStatus(app, id, ['delivered', 'dead', 'partial', 'held']);
    expect(deliveries.map(({ channel, status }) => [channel, status])).toEqual([
      ['email', 'delivered'],
      ['sms', 'delivered'],
      ['push', 'delivered'],
      ['webhook', 'delivered'],
      ['in-app', 'delivered'],
    ]);
    const { arrivals } = await sinkOf(app);
    const seen = Object.fromEntries(arrivals.map(({ channel, target }) => [channel, target]));
    expect(seen).toEqual({ email: 'a@example.org', sms: PHONE, push: 'device-1', webhook: 'all' });
    const inbox = await app.get<{ data: Json[] }>('/api/v1/users/user_001/inbox');
    expect(inbox.body.data).toMatchObject([{ notificationId: id, subject: 'Hello' }]);
  });

  it('keeps the provider’s id for a message as its receipt', async () => {
    const id = await accept(app, sms());
    const { deliveries } = await untilStatus(app, id, ['delivered']);
    expect(deliveries[0]?.attempts).toMatchObject([{ result: 'delivered', receipt: expect.stringMatching(/^sink-sms-/) }]);
  });

  it('sends an SMS again whose reply was lost: the sink absorbs it', async () => {
    const phone = '+351912345679';
    await script(app, { channel: 'sms', name: phone, steps: [{ do: 'drop-reply' }] });
    const id = await accept(app, sms({ to: { phone } }));
    const { deliveries } = await untilStatus(app, id, ['delivered']);
    expect(deliveries[0]?.attempts.map(({ result }) => result)).toEqual(['unknown', 'delivered']);
    expect((await sinkOf(app, `?operationId=${deliveries[0]?.operationId}`)).effects).toMatchObject([{ duplicates: 1 }]);
  });

  it('has a dead letter for a text that is too long, and for a device that is gone', async () => {
    await script(app, { channel: 'push', name: 'old-device', steps: [], then: { do: 'status', status: 410 } });
    const long = await accept(app, sms({ body: 'x'.repeat(1601) }));
    const gone = await accept(app, push({ to: { pushToken: 'old-device' } }));
    const codes = [];
    for (const id of [long, gone]) codes.push((await untilStatus(app, id, ['dead'])).deliveries[0]?.failure?.code);
    expect(codes).toEqual(['sms_too_long', 'push_token_gone']);
  });

  it('stops sending SMS while their provider fails, and goes on with push notifications to the same host', async () => {
    await script(app, { channel: 'sms', steps: [], then: { do: 'status', status: 500 } });
    const broken = await Promise.all(Array.from({ length: 5 }, (_, n) => accept(app, sms({ userId: `u${n}` }))));
    const put = await eventually(async () => {
      const { body } = await app.get<{ deliveries: { reason: string }[] }>(`/api/v1/notifications/${broken[4]}`);
      return body.deliveries[0]?.reason === 'breaker.open' ? body : null;
    });
    expect(put).toMatchObject({ status: 'deferred' });
    const id = await accept(app, push());
    expect((await untilStatus(app, id, ['delivered', 'deferred'])).status).toBe('delivered');
  });
});

describe('A provider of one’s own', () => {
  it('is asked with its credential; what is in doubt there is held, unless it is said to absorb repeats', async () => {
    const { delivered, url, stop } = await startReceiver((_request, response) => response.destroy());
    const own = { SMS_URL: `${url}/sms`, SMS_TOKEN: 's3cret', SMS_FROM: 'Signalbox', PUSH_URL: `${url}/push` };
    const app = await startApp({ ...own, PUSH_EFFECT_CLASS: 'idempotent', MAX_RETRY_ATTEMPTS: '1' });
    try {
      const text = await accept(app, sms());
      const { deliveries } = await untilStatus(app, text, ['held', 'dead', 'delivered']);
      expect(deliveries).toMatchObject([
        { status: 'held', reason: 'unknown.hold', attempts: [{ result: 'unknown', code: 'sms_reply_lost' }] },
      ]);
      const { body: why } = await app.get<{ events: Json[] }>(`/api/v1/notifications/${text}/explain`);
      const would = JSON.stringify(why.events.find(({ rule }) => rule === 'unknown.hold'));
      expect(would).toContain('SMS_UNKNOWN_POLICY=resend');
      expect(would).not.toContain('EMAIL_');
      expect(delivered.map((request) => request.url)).toEqual(['/sms']);
      expect(delivered[0]?.headers).toMatchObject({ authorization: 'Bearer s3cret', 'idempotency-key': deliveries[0]?.operationId });
      const note = await accept(app, push());
      const again = await untilStatus(app, note, ['held', 'dead', 'delivered']);
      expect(again.deliveries[0]?.attempts.map(({ result }) => result)).toEqual(['unknown', 'unknown']);
      expect(new Set(delivered.slice(1).map((request) => request.headers['idempotency-key'])).size).toBe(1);
    } finally {
      await app.stop();
      await stop();
    }
  });

  it('may be trusted, by a policy, to have taken what is in doubt', async () => {
    const { url, stop } = await startReceiver((_request, response) => response.destroy());
    const app = await startApp({ SMS_URL: url, SMS_UNKNOWN_POLICY: 'assume-delivered' });
    try {
      const { deliveries } = await untilStatus(app, await accept(app, sms()), ['held', 'dead', 'delivered']);
      expect(deliveries).toMatchObject([{ status: 'delivered', reason: 'unknown.assume-delivered' }]);
    } finally {
      await app.stop();
      await stop();
    }
  });
});

describe('A channel without a provider', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ SINK: 'off', SMTP_URL: 'smtp://127.0.0.1:9' });
  });
  afterAll(() => app.stop());

  it('is off: what names it is refused, and says what is missing', async () => {
    const answer = await app.send('POST', '/api/v1/notifications', sms({ channels: ['sms', 'in-app'] }));
    expect(answer).toMatchObject({
      status: 400,
      body: {
        code: 'invalid-request',
        errors: [{ pointer: '/channels', detail: 'names sms, which is switched off on this server (SMS_URL is not set)' }],
      },
    });
    expect((await app.send('POST', '/api/v1/notifications', push())).body).toMatchObject({ errors: [{ pointer: '/channels' }] });
  });

  it('is refused for a whole batch as well', async () => {
    const { channels, body } = sms();
    const recipients = [{ userId: 'user_001', to: { phone: PHONE } }];
    const answer = await app.send('POST', '/api/v1/notifications/batch', { recipients, channels, body });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '/channels' }] } });
  });

  it('takes nothing from the others: the inbox needs no provider', async () => {
    const id = await accept(app, notification({ channels: ['in-app'], to: {} }));
    expect((await untilStatus(app, id, ['delivered', 'dead'])).status).toBe('delivered');
  });
});

describe('A rate for a provider', () => {
  it('makes the rest wait for their turn, in order, without charging an attempt', async () => {
    const app = await startApp({ SMS_RATE_PER_SECOND: '4' });
    try {
      // Fewer than may be under way at a time: only the rate makes them wait.
      const ids = await Promise.all(Array.from({ length: 14 }, (_, n) => accept(app, sms({ userId: `u${n}` }))));
      const settled = await Promise.all(ids.map((id) => untilStatus(app, id, ['delivered', 'dead'], 20_000)));
      const starts = settled.map(({ deliveries }) => Date.parse(deliveries[0]?.attempts[0]?.startedAt ?? '')).sort((a, b) => a - b);
      expect(settled.every(({ deliveries }) => deliveries[0]?.status === 'delivered' && deliveries[0].attempts.length === 1)).toBe(true);
      // Four at once, ten more at four a second.
      expect((starts.at(-1) ?? 0) - (starts[0] ?? 0)).toBeGreaterThanOrEqual(2400);
      const most = Math.max(...starts.map((from) => starts.filter((at) => at >= from && at < from + 1000).length));
      expect(most).toBeLessThanOrEqual(8);
      const metrics = await app.get<string>('/metrics/prometheus');
      const [, putOff] = /signalbox_rate_limited_total\{channel="sms"\} (\d+)/.exec(String(metrics.body)) ?? [];
      expect(Number(putOff)).toBeGreaterThanOrEqual(5);
    } finally {
      await app.stop();
    }
  });
});
