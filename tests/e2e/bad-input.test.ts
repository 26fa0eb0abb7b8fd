import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Json, notification, startApp, type TestApp } from '../support/app.js';

const deep = (levels: number): unknown => (levels === 0 ? 1 : { d: deep(levels - 1) });

/** [what, body, status, the pointer that is named] */
const CASES: readonly (readonly [string, unknown, number, string])[] = [
  ['an unknown field', notification({ colour: 'red' }), 400, '/colour'],
  ['an unknown field further down', notification({ to: { email: 'a@example.org', fax: '1' } }), 400, '/to/fax'],
  ['a query operator in place of a text', notification({ userId: { $gt: '' } }), 400, '/userId'],
  ['a missing field', { ...notification(), body: undefined }, 400, '/body'],
  ['NUL in the subject', notification({ subject: 'a\u0000b' }), 400, '/subject'],
  ['CR and LF in the subject', notification({ subject: 'a\r\nBcc: x@example.org' }), 400, '/subject'],
  ['NUL deep in the data', notification({ data: { list: ['ok', 'a\u0000'] } }), 400, '/data/list/1'],
  ['a lone surrogate', notification({ body: 'a\ud800' }), 400, '/body'],
  ['a channel that there is not', notification({ channels: ['pigeon'] }), 400, '/channels/0'],
  ['a channel twice', notification({ channels: ['email', 'email'] }), 400, '/channels'],
  ['no channel', notification({ channels: [] }), 400, '/channels'],
  ['a channel without its address', notification({ channels: ['webhook'] }), 400, '/to/webhook'],
  ['an address that is none', notification({ to: { email: 'not an address' } }), 400, '/to/email'],
  ['a second address by comma', notification({ to: { email: 'a@example.org,b@example.org' } }), 400, '/to/email'],
  [
    'a webhook with a password in it',
    notification({ channels: ['webhook'], to: { webhook: 'https://u:p@example.org/' } }),
    400,
    '/to/webhook',
  ],
  ['a webhook of another scheme', notification({ channels: ['webhook'], to: { webhook: 'file:///etc/passwd' } }), 400, '/to/webhook'],
  ['a time without a zone', notification({ scheduledFor: '2030-01-01T00:00:00' }), 400, '/scheduledFor'],
  ['a time too far away', notification({ scheduledFor: '2099-01-01T00:00:00Z' }), 400, '/scheduledFor'],
  ['an expiry in the past', notification({ expiresAt: '2020-01-01T00:00:00Z' }), 400, '/expiresAt'],
  ['an idempotency key with a blank', notification({ idempotencyKey: 'a b' }), 400, '/idempotencyKey'],
  ['a body deeper than 32 levels', notification({ data: { d: deep(40) } }), 400, `/data${'/d'.repeat(31)}`],
  ['an array in place of an object', [1, 2], 400, ''],
  ['null in place of an object', null, 400, ''],
  ['a number in place of an object', 7, 400, ''],
];

const count = async (app: TestApp): Promise<number> =>
  (await app.get<{ data: Json[] }>('/api/v1/notifications?limit=100')).body.data.length;

describe('Bad input', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());

  it.each(CASES)('%s gets a problem that names the place, and nothing is stored', async (_what, body, status, pointer) => {
    const answer = await app.send('POST', '/api/v1/notifications', body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body).toMatchObject({ status, instance: '/api/v1/notifications', requestId: answer.headers.get('x-request-id') });
    expect((answer.body.errors as { pointer: string }[]).map((error) => error.pointer)).toContain(pointer);
    expect(await count(app)).toBe(0);
  });

  it('malformed JSON is a problem of its own', async () => {
    const answer = await app.sendRaw('/api/v1/notifications', '{"userId": ');
    expect([answer.status, answer.body.code]).toEqual([400, 'malformed-json']);
    expect(await count(app)).toBe(0);
  });

  it.each(['__proto__', 'constructor', 'prototype'])(
    'the name %s is refused wherever it stands, and Object.prototype stays clean',
    async (name) => {
      const text = JSON.stringify(notification({ data: { inner: 1 } })).replace('"inner":1', `"${name}":{"polluted":true}`);
      const answer = await app.sendRaw('/api/v1/notifications', text);
      expect(answer.status).toBe(400);
      expect(answer.body.errors).toEqual([{ pointer: `/data/${name}`, detail: 'is not an allowed name' }]);
      expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
      expect(await count(app)).toBe(0);
    },
  );

  it('a body of 10 MB is refused with 413', async () => {
    const answer = await app.sendRaw('/api/v1/notifications', JSON.stringify(notification({ body: 'x'.repeat(10_000_000) })));
    expect([answer.status, answer.body.code]).toEqual([413, 'payload-too-large']);
    expect(await count(app)).toBe(0);
  });

  it('bytes that are not UTF-8 are refused, not replaced', async () => {
    const bytes = Buffer.concat([Buffer.from('{"userId":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
    const answer = await app.sendRaw('/api/v1/notifications', new Uint8Array(bytes));
    expect([answer.status, answer.body.code]).toEqual([400, 'malformed-json']);
  });

  it('a compressed body is not inflated, and another media type not guessed at', async () => {
    expect((await app.sendRaw('/api/v1/notifications', 'x', { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await app.sendRaw('/api/v1/notifications', '{}', { 'content-type': 'text/plain' })).status).toBe(415);
  });

  it.each(['?limit=0', '?limit=101', '?status=nonsense', '?cursor=nonsense', '?colour=red', '?userId[$gt]='])(
    'the list refuses %s',
    async (query) => {
      const answer = await app.get<{ errors: { pointer: string }[] }>(`/api/v1/notifications${query}`);
      expect(answer.status).toBe(400);
      expect(answer.body.errors[0]?.pointer).toBe(query.replace(/=.*$/, ''));
    },
  );

  it('header and body may not disagree about the key, and the header must be printable', async () => {
    const disagree = await app.send('POST', '/api/v1/notifications', notification({ idempotencyKey: 'a' }), { 'Idempotency-Key': 'b' });
    expect(disagree.body.errors).toEqual([{ pointer: 'header: Idempotency-Key', detail: 'differs from the idempotencyKey in the body' }]);
    expect((await app.send('POST', '/api/v1/notifications', notification(), { 'Idempotency-Key': 'a b' })).status).toBe(400);
    expect(await count(app)).toBe(0);
  });

  it('what there is not is a 404 problem with a request id', async () => {
    const answer = await app.get('/api/v1/nothing');
    expect([answer.status, answer.body.code]).toEqual([404, 'not-found']);
    expect((await app.get('/api/v1/notifications/%E0%A4%A')).status).toBe(400);
  });
});
