import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  accept,
  type DeliveryBody,
  type Json,
  type NotificationBody,
  notification,
  sinkOf,
  startApp,
  type TestApp,
  untilStatus,
} from '../support/app.js';

interface Explained {
  readonly events: readonly {
    readonly name: string;
    readonly rule: string;
    readonly detail: Json;
  }[];
}

const prefs = (user: string): string => `/api/v1/users/${user}/preferences`;

/** Quiet hours around this moment, in a zone that has no summer time. */
function quietNow(): Json {
  const hour = new Date().getUTCHours();
  const at = (hours: number): string => `${String((hour + hours + 24) % 24).padStart(2, '0')}:00`;
  return { start: at(-2), end: at(3), timeZone: 'Etc/UTC' };
}

const only = (body: NotificationBody): DeliveryBody => {
  const [delivery] = body.deliveries;
  if (delivery === undefined) throw new Error('no delivery');
  return delivery;
};

async function eventsOf(app: TestApp, id: string): Promise<Explained['events']> {
  return (await app.get<Explained>(`/api/v1/notifications/${id}/explain`)).body.events;
}

describe('What people choose', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ PHONE_DEFAULT_REGION: 'PT' });
  });
  afterAll(() => app.stop());

  it('is nothing at first, and afterwards what they said, with a version that is its ETag', async () => {
    const before = await app.get(prefs('new'));
    expect(before.status).toBe(200);
    expect(before.body).toEqual({
      userId: 'new',
      contacts: {},
      channels: {},
      categories: {},
      quietHours: null,
      version: 0,
      updatedAt: null,
    });
    expect(before.headers.get('etag')).toBe('"0"');
    const put = await app.send('PUT', prefs('new'), {
      contacts: { email: 'new@example.org', phone: '912 345 678', pushToken: 'token', webhook: 'https://example.org/hook' },
      channels: { sms: false, 'in-app': true },
      categories: { marketing: { email: false }, security: { email: true } },
      quietHours: { start: '22:00', end: '07:00', timeZone: 'Asia/Calcutta', days: ['sat', 'sun'] },
    });
    expect(put.status).toBe(200);
    expect(put.headers.get('etag')).toBe('"1"');
    expect(put.body).toMatchObject({
      version: 1,
      contacts: { email: 'new@example.org', phone: '+351912345678', pushToken: 'token', webhook: 'https://example.org/hook' },
      channels: { sms: false, 'in-app': true },
      quietHours: { timeZone: 'Asia/Calcutta', days: ['sat', 'sun'] },
    });
    expect((await app.get(prefs('new'))).body).toEqual(put.body);
    const replaced = await app.send('PUT', prefs('new'), {
      quietHours: { start: '23:00', end: '06:00', timeZone: 'Europe/Lisbon' },
    });
    expect(replaced.body).toMatchObject({ version: 2, contacts: {}, channels: {}, categories: {} });
    expect(replaced.body.quietHours).toEqual({
      start: '23:00',
      end: '06:00',
      timeZone: 'Europe/Lisbon',
      days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
    });
  });

  it('is not wiped out by a body that was lost on its way', async () => {
    await app.send('PUT', prefs('lost'), { contacts: { email: 'lost@example.org' } });
    const answer = await fetch(app.url + prefs('lost'), { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '' });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ pointer: '', detail: 'is required' }] });
    expect((await app.get(prefs('lost'))).body).toMatchObject({ contacts: { email: 'lost@example.org' }, version: 1 });
  });

  it('is changed with If-Match only from the version that was read', async () => {
    const first = await app.send('PUT', prefs('careful'), {}, { 'If-Match': '"0"' });
    expect(first.status).toBe(200);
    const late = await app.send('PUT', prefs('careful'), { channels: { email: false } }, { 'If-Match': '"0"' });
    expect([late.status, late.body.code]).toEqual([412, 'precondition-failed']);
    expect((await app.get(prefs('careful'))).body).toMatchObject({ version: 1, channels: {} });
    expect((await app.send('PUT', prefs('careful'), {}, { 'If-Match': '"1"' })).body.version).toBe(2);
    expect((await app.send('PUT', prefs('careful'), {}, { 'If-Match': '*' })).body.version).toBe(3);
    const nonsense = await app.send('PUT', prefs('careful'), {}, { 'If-Match': 'W/"3"' });
    expect([nonsense.status, nonsense.body.errors]).toMatchObject([400, [{ pointer: 'header: If-Match' }]]);
  });

  const quiet = { start: '22:00', end: '07:00', timeZone: 'Europe/Lisbon' };
  it.each<readonly [string, unknown, string]>([
    ['an unknown field', { colour: 'red' }, '/colour'],
    ['an unknown contact', { contacts: { fax: '1' } }, '/contacts/fax'],
    ['an address that is none', { contacts: { email: 'nobody' } }, '/contacts/email'],
    ['an address with a line break', { contacts: { email: 'a@example.org\r\nBcc: b@example.org' } }, '/contacts/email'],
    ['a webhook with a line break', { contacts: { webhook: 'https://example.org/\r\nX: y' } }, '/contacts/webhook'],
    ['a webhook with a password', { contacts: { webhook: 'https://u:p@example.org/' } }, '/contacts/webhook'],
    ['a push token with a line break', { contacts: { pushToken: 'a\nb' } }, '/contacts/pushToken'],
    ['a phone number that is words', { contacts: { phone: 'call me' } }, '/contacts/phone'],
    ['a phone number that does not exist', { contacts: { phone: '+351 000' } }, '/contacts/phone'],
    ['a phone number among words', { contacts: { phone: 'it is +351912345678' } }, '/contacts/phone'],
    ['a phone number with an extension', { contacts: { phone: '+351 912 345 678 ext. 5' } }, '/contacts/phone'],
    ['a phone number with a line break', { contacts: { phone: '+351912345678\r\n' } }, '/contacts/phone'],
    ['an unknown channel', { channels: { pigeon: true } }, '/channels/pigeon'],
    ['a switch that is a word', { channels: { email: 'no' } }, '/channels/email'],
    ['an unknown channel of a category', { categories: { news: { pigeon: true } } }, '/categories/news/pigeon'],
    ['a category that is no name', { categories: { 'a b': {} } }, '/categories/a b'],
    ['too many categories', { categories: Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`c${n}`, {}])) }, '/categories'],
    ['a critical category switched off', { categories: { security: { email: false } } }, '/categories/security/email'],
    ['a zone that does not exist', { quietHours: { ...quiet, timeZone: 'Europe/Nowhere' } }, '/quietHours/timeZone'],
    ['an offset in place of a zone', { quietHours: { ...quiet, timeZone: '+01:00' } }, '/quietHours/timeZone'],
    ['no zone', { quietHours: { start: '22:00', end: '07:00' } }, '/quietHours/timeZone'],
    ['a start that is the end', { quietHours: { ...quiet, end: '22:00' } }, '/quietHours/end'],
    ['a time that is none', { quietHours: { ...quiet, start: '24:00' } }, '/quietHours/start'],
    ['a day that is none', { quietHours: { ...quiet, days: ['someday'] } }, '/quietHours/days/0'],
    ['a day twice', { quietHours: { ...quiet, days: ['mon', 'mon'] } }, '/quietHours/days'],
    ['no day', { quietHours: { ...quiet, days: [] } }, '/quietHours/days'],
    ['an array', [], ''],
    ['null', null, ''],
  ])('cannot be %s: the place is named, and nothing is stored', async (_what, body, pointer) => {
    const answer = await app.send('PUT', prefs('bad'), body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect((answer.body.errors as { pointer: string }[]).map((error) => error.pointer)).toContain(pointer);
    expect((await app.get(prefs('bad'))).body.version).toBe(0);
  });

  it.each(['__proto__', 'constructor', 'prototype'])('cannot be about a category named %s', async (name) => {
    const response = await fetch(app.url + prefs('bad'), {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: `{"categories":{"${name}":{"email":false}}}`,
    });
    expect(response.status).toBe(400);
    expect(Object.hasOwn(Object.prototype, 'email')).toBe(false);
    expect((await app.get(prefs('bad'))).body.version).toBe(0);
  });

  it('is asked of people whose id can be one', async () => {
    const answer = await app.get(prefs('%0Aevil'));
    expect([answer.status, answer.body.errors]).toMatchObject([400, [{ pointer: 'path: userId' }]]);
  });

  it('skips what they switched off, with the rule on the record, and nothing else', async () => {
    await app.send('PUT', prefs('picky'), { channels: { webhook: false }, categories: { marketing: { email: false } } });
    const marketing = await accept(app, notification({ userId: 'picky', category: 'marketing', subject: 'picky-marketing' }));
    const orders = await accept(app, notification({ userId: 'picky', category: 'orders', subject: 'picky-orders' }));
    const to = { webhook: `${app.url}/sink/webhook/picky` };
    const hook = await accept(app, notification({ userId: 'picky', channels: ['webhook'], to }));
    const skipped = await untilStatus(app, marketing, ['skipped', 'delivered', 'dead']);
    expect(only(skipped)).toMatchObject({ status: 'skipped', reason: 'preference.category', attempts: [] });
    expect(only(await untilStatus(app, hook, ['skipped', 'delivered', 'dead']))).toMatchObject({ reason: 'preference.channel' });
    await untilStatus(app, orders, ['delivered']);
    const decided = (await eventsOf(app, marketing)).find((event) => event.name === 'skipped');
    expect(decided).toMatchObject({ rule: 'preference.category', inputs: { personVersion: 1, category: 'marketing', categoryOn: false } });
    const { effects } = await sinkOf(app);
    expect(effects.filter(({ subject }) => subject?.startsWith('picky') === true).map(({ subject }) => subject)).toEqual(['picky-orders']);
  });

  it('does not hold for a critical category', async () => {
    await app.send('PUT', prefs('silent'), { channels: { email: false } });
    const id = await accept(app, notification({ userId: 'silent', category: 'security' }));
    await untilStatus(app, id, ['delivered']);
    expect((await eventsOf(app, id)).find((event) => event.name === 'attempted')?.rule).toBe('critical-category');
  });

  it('defers what comes in quiet hours, but not what is urgent, and releases it within a second of a change', async () => {
    await app.send('PUT', prefs('sleeper'), { quietHours: quietNow() });
    const urgent = await accept(app, notification({ userId: 'sleeper', priority: 'urgent' }));
    const ids = await Promise.all(Array.from({ length: 20 }, () => accept(app, notification({ userId: 'sleeper' }))));
    const late = await accept(app, notification({ userId: 'sleeper', category: 'news', subject: 'sleeper-news' }));
    await untilStatus(app, urgent, ['delivered']);
    for (const id of [...ids, late]) {
      expect(only(await untilStatus(app, id, ['deferred']))).toMatchObject({ reason: 'quiet-hours', attempts: [] });
    }
    const startedAt = performance.now();
    await app.send('PUT', prefs('sleeper'), { categories: { news: { email: false } } });
    for (const id of ids) await untilStatus(app, id, ['delivered']);
    expect(only(await untilStatus(app, late, ['skipped', 'delivered'])).reason).toBe('preference.category');
    expect(performance.now() - startedAt).toBeLessThan(5000);
    const events = await eventsOf(app, ids[0] ?? '');
    expect(events.map((event) => event.name)).toEqual(expect.arrayContaining(['deferred', 'reconsidered', 'attempted', 'delivered']));
    expect(events.find((event) => event.name === 'reconsidered')).toMatchObject({
      rule: 'preferences.changed',
      detail: { personVersion: 2 },
    });
  });
});
