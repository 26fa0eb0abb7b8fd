import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import supertest from 'supertest';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import { emailChannel } from '../../src/channels/email.js';
import { webhookChannel } from '../../src/channels/webhook.js';
import type { Channel } from '../../src/ports/channel.js';
import { sinkRouter } from '../../src/sink/routes.js';
import type { Listing } from '../../src/sink/sink.js';
import { type StandaloneSink, startStandaloneSink } from '../../src/sink/standalone.js';
import { effectTo, noAbort, OTHER_SECRET, SECRET } from '../channels/fixtures.js';

const clock = createSystemClock();
const timers = createSystemTimers();

let standalone: StandaloneSink;
let email: Channel & { close(): Promise<void> };
let webhook: Channel & { close(): Promise<void> };

beforeEach(async () => {
  standalone = await startStandaloneSink({ clock, timers, httpPort: 0, smtpPort: 0, secrets: [SECRET] });
  email = emailChannel({
    clock,
    timers,
    host: '127.0.0.1',
    port: standalone.smtpPort,
    from: 'noreply@signalbox.test',
    replyTimeoutMs: 300,
  });
  webhook = webhookChannel({ clock, timers, secrets: [SECRET], allow: ['127.0.0.0/8'], headersTimeoutMs: 300 });
});
afterEach(async () => {
  await Promise.all([email.close(), webhook.close()]);
  await standalone.stop();
});

const http = () => supertest(standalone.httpUrl);
const hook = (name: string) => `${standalone.httpUrl}/sink/webhook/${name}`;
const script = (body: object) => http().put('/sink/behaviour').send(body).expect(200);
const listed = async (query = ''): Promise<Listing> => (await http().get(`/sink/deliveries${query}`).expect(200)).body as Listing;

describe('Webhooks at the sink', () => {
  test('are shown with their signature checked and their repeats counted', async () => {
    await webhook.send(effectTo(hook('shop')), noAbort());
    await webhook.send(effectTo(hook('shop'), { attempt: 2 }), noAbort());
    const { arrivals, effects } = await listed('?channel=webhook');
    expect(arrivals).toHaveLength(2);
    expect(effects).toMatchObject([
      {
        target: 'shop',
        operationId: 'op-0123456789abcdef',
        subject: 'Your order has shipped',
        excerpt: 'It left the warehouse at 9.',
        requestId: 'req-77',
        duplicates: 1,
      },
    ]);
    expect(arrivals[0]).toMatchObject({
      signature: 'valid',
      answer: '200',
      receivedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      receivedAtMs: expect.any(Number),
    });
  });

  test('with a wrong signature, or none, are shown as such', async () => {
    const stranger = webhookChannel({ clock, timers, secrets: [OTHER_SECRET], allow: ['127.0.0.0/8'] });
    await stranger.send(effectTo(hook('shop')), noAbort());
    await stranger.close();
    await http().post('/sink/webhook').send({ hello: 'world' }).expect(200);
    const { arrivals, counters } = await listed();
    expect(arrivals.map(({ signature, target }) => [signature, target])).toEqual([
      ['missing', 'webhook'],
      ['invalid', 'shop'],
    ]);
    expect(counters.webhook.invalidSignatures).toBe(1);
  });

  test('follow the script: 503 three times, then 429, then well', async () => {
    await script({
      channel: 'webhook',
      name: 'shop',
      steps: [
        { do: 'status', status: 503, times: 3 },
        { do: 'status', status: 429, retryAfterS: 2 },
      ],
    });
    const outcomes = [];
    for (let attempt = 1; attempt <= 5; attempt += 1) outcomes.push(await webhook.send(effectTo(hook('shop'), { attempt }), noAbort()));
    expect(outcomes).toMatchObject([
      { kind: 'retry', failure: { code: 'http_503' } },
      { kind: 'retry', failure: { code: 'http_503' } },
      { kind: 'retry', failure: { code: 'http_503' } },
      { kind: 'retry', failure: { code: 'http_429' }, throttled: true, afterMs: 2000 },
      { kind: 'done' },
    ]);
    expect((await listed()).counters.webhook).toMatchObject({ arrivals: 5, effects: 1, duplicates: 0, refused: 4 });
  });

  test.each([
    ['hang', { do: 'hang' }, { kind: 'unknown', failure: { code: 'webhook_timeout' } }, 1],
    ['drop-reply', { do: 'drop-reply' }, { kind: 'unknown', failure: { code: 'webhook_reply_lost' } }, 1],
    ['delay', { do: 'delay', delayMs: 20 }, { kind: 'done' }, 1],
    ['refuse', { do: 'refuse' }, { kind: 'unknown', failure: { code: 'webhook_reply_lost' } }, 0],
    ['a redirect', { do: 'status', status: 302 }, { kind: 'dead', failure: { code: 'redirect' } }, 0],
  ])('can be treated to %s', async (_title, step, outcome, effects) => {
    await script({ channel: 'webhook', steps: [step] });
    expect(await webhook.send(effectTo(hook('shop')), noAbort())).toMatchObject(outcome);
    expect((await listed()).counters.webhook).toMatchObject({ arrivals: 1, effects });
  });

  test('that are left hanging are cut when the script is reset', async () => {
    await script({ channel: 'webhook', then: { do: 'hang' } });
    const patient = webhookChannel({ clock, timers, secrets: [SECRET], allow: ['127.0.0.0/8'] });
    const sending = patient.send(effectTo(hook('shop')), noAbort());
    while ((await listed()).arrivals.length === 0);
    await http().delete('/sink/behaviour').expect(204);
    expect(await sending).toMatchObject({ kind: 'unknown', failure: { code: 'webhook_reply_lost' } });
    expect(await patient.send(effectTo(hook('shop')), noAbort())).toEqual({ kind: 'done' });
    await patient.close();
  });

  test('over a megabyte are refused', async () => {
    await http()
      .post('/sink/webhook')
      .send({ data: { body: 'x'.repeat(1_100_000) } })
      .expect(413);
  });

  test('are taken the same when the router is part of another application', async () => {
    const app = express();
    app.use('/sink', sinkRouter(standalone.sink));
    await supertest(app)
      .post('/sink/webhook/shop')
      .set('webhook-id', 'op-5')
      .send({ data: { body: 'Hi' } })
      .expect(200, { received: true, ok: true });
    expect((await listed('?operationId=op-5')).effects).toMatchObject([{ target: 'shop', excerpt: 'Hi' }]);
  });
});

describe('E-mails at the sink', () => {
  test('are shown as they were read, and a second copy as a duplicate', async () => {
    const effect = effectTo('alice@example.org', { subject: 'Grüße', body: 'Käse & Brot' });
    await email.send(effect, noAbort());
    await email.send(effect, noAbort());
    const { effects, counters } = await listed('?channel=email');
    expect(effects).toMatchObject([
      {
        target: 'alice@example.org',
        subject: 'Grüße',
        excerpt: expect.stringContaining('Käse & Brot'),
        operationId: effect.operationId,
        requestId: 'req-77',
        duplicates: 1,
      },
    ]);
    expect(counters.email).toMatchObject({ arrivals: 2, effects: 1, duplicates: 1 });
  });

  test.each([
    ['4xx at RCPT TO', { do: 'status', status: 450 }, { kind: 'retry', failure: { code: 'smtp_450' } }, 0],
    ['5xx at RCPT TO', { do: 'status', status: 550, at: 'rcpt' }, { kind: 'dead', failure: { code: 'smtp_550' } }, 0],
    ['4xx after the content', { do: 'status', status: 451, at: 'data' }, { kind: 'retry', failure: { code: 'smtp_451' } }, 0],
    ['5xx after the content', { do: 'status', status: 554, at: 'data' }, { kind: 'dead', failure: { code: 'smtp_554' } }, 0],
    ['hang after the content', { do: 'hang' }, { kind: 'unknown', failure: { code: 'smtp_timeout' } }, 1],
    ['drop-reply after the content', { do: 'drop-reply' }, { kind: 'unknown', failure: { code: 'smtp_reply_lost' } }, 1],
    ['delay', { do: 'delay', delayMs: 20 }, { kind: 'done' }, 1],
    ['refuse', { do: 'refuse' }, { kind: 'retry', failure: { code: 'smtp_disconnected' } }, 0],
  ])('can be treated to %s', async (_title, step, outcome, effects) => {
    await script({ channel: 'email', name: 'alice@example.org', steps: [step] });
    expect(await email.send(effectTo('alice@example.org'), noAbort())).toMatchObject(outcome);
    expect((await listed()).counters.email).toMatchObject({ arrivals: 1, effects });
    expect(await email.send(effectTo('bob@example.org', { operationId: 'op-2' }), noAbort())).toMatchObject({ kind: 'done' });
  });

  test('on a kept connection are waited for no longer than on a fresh one', async () => {
    expect(await email.send(effectTo('alice@example.org'), noAbort())).toMatchObject({ kind: 'done' });
    await script({ channel: 'email', steps: [{ do: 'hang' }] });
    const outcome = await email.send(effectTo('alice@example.org', { operationId: 'op-2' }), noAbort());
    expect(outcome).toMatchObject({ kind: 'unknown', failure: { code: 'smtp_timeout' } });
  });

  test('on a kept connection that is being closed (421) go over another one within the same attempt', async () => {
    expect(await email.send(effectTo('alice@example.org'), noAbort())).toMatchObject({ kind: 'done' });
    await script({ channel: 'email', steps: [{ do: 'status', status: 421 }] });
    const outcome = await email.send(effectTo('alice@example.org', { operationId: 'op-2' }), noAbort());
    expect(outcome).toMatchObject({ kind: 'done' });
    expect((await listed()).counters.email).toMatchObject({ effects: 2, duplicates: 0, refused: 1 });
  });

  test('are greeted at once on a fresh connection, where smtp-server itself would wait 100 ms', async () => {
    const waits: number[] = [];
    for (let count = 0; count < 10; count += 1) {
      const from = performance.now();
      const socket = connect(standalone.smtpPort, '127.0.0.1');
      const [greeting] = (await once(socket, 'data')) as [Buffer];
      waits.push(performance.now() - from);
      socket.destroy();
      expect(greeting.toString()).toMatch(/^220 .*\r\n$/);
    }
    // Of ten the fastest: a busy machine may delay some, smtp-server's wait would delay all.
    expect(Math.min(...waits)).toBeLessThan(60);
  });

  test('are greeted once only, also after the time that smtp-server would wait', async () => {
    const socket = connect(standalone.smtpPort, '127.0.0.1').setEncoding('utf8');
    let said = '';
    socket.on('data', (text: string) => {
      said += text;
    });
    await once(socket, 'data');
    await sleep(150);
    socket.write('EHLO client.test\r\nQUIT\r\n');
    await once(socket, 'close');
    expect(said.match(/^220 /gm)).toHaveLength(1);
    expect(said).toMatch(/^250 /m);
    expect(said).toMatch(/^221 /m);
  });
});

describe('Over HTTP the sink', () => {
  test('is a page for a browser and JSON for a program', async () => {
    await webhook.send(effectTo(hook('shop')), noAbort());
    const page = await http()
      .get('/sink')
      .set('accept', 'text/html,application/xhtml+xml,*/*;q=0.8')
      .expect(200)
      .expect('content-type', /html/);
    expect(page.text).toContain('It left the warehouse at 9.');
    const json = await http().get('/sink').set('accept', 'application/json').expect(200);
    expect((json.body as Listing).effects).toHaveLength(1);
  });

  test('is cleared by DELETE', async () => {
    await webhook.send(effectTo(hook('shop')), noAbort());
    await http().delete('/sink').expect(204);
    expect(await listed()).toMatchObject({ arrivals: [], counters: { webhook: { arrivals: 0 } } });
  });

  test('shows and resets its scripts', async () => {
    await script({ name: 'shop', steps: [{ do: 'hang' }] });
    await script({ then: { do: 'status', status: 500 } });
    await http().delete('/sink/behaviour?name=shop').expect(204);
    const { body } = await http().get('/sink/behaviour').expect(200);
    expect(body).toEqual({ scripts: [{ channel: null, name: null, left: [], then: { do: 'status', status: 500 }, decided: 0 }] });
  });

  test.each([
    [{ steps: [{ do: 'explode' }] }, '/steps/0/do'],
    [{ steps: [{ do: 'status' }] }, '/steps/0/status'],
    [{ steps: [{ do: 'delay' }] }, '/steps/0/delayMs'],
    [{ steps: [{ do: 'ok', colour: 'red' }] }, '/steps/0/colour'],
    [{ steps: [], surprise: 1 }, '/surprise'],
    [{ steps: [], 'a/b~c': 1 }, '/a~1b~0c'],
    [{ then: { do: 'explode' } }, '/then/do'],
    [{ then: { do: 'ok', colour: 'red' } }, '/then/colour'],
    [{ then: 'explode' }, '/then'],
    [[], ''],
    [{ channel: 'pigeon' }, '/channel'],
  ])('refuses the script %j and says where it is wrong', async (body, pointer) => {
    const response = await http()
      .put('/sink/behaviour')
      .send(body)
      .expect(400)
      .expect('content-type', /^application\/problem\+json/);
    expect(response.body).toEqual({
      type: 'urn:signalbox:problem:invalid-request',
      title: 'The request is not valid',
      status: 400,
      detail: expect.stringContaining(pointer === '' ? 'The body' : pointer),
      code: 'invalid-request',
      errors: [{ pointer, detail: expect.any(String) }],
    });
  });

  test.each([
    ['broken JSON', 'application/json', '{"steps":', 400, 'malformed-json'],
    ['something else than JSON', 'text/plain', 'steps', 415, 'unsupported-media-type'],
    ['too much', 'application/json', JSON.stringify({ name: 'x'.repeat(300_000) }), 413, 'payload-too-large'],
  ])('answers %s with a problem', async (_title, type, body, status, code) => {
    const response = await http().put('/sink/behaviour').set('content-type', type).send(body).expect(status);
    expect(response.type).toBe('application/problem+json');
    expect(response.body).toMatchObject({ type: `urn:signalbox:problem:${code}`, status, code, detail: expect.any(String) });
  });

  test('refuses queries that it does not know, and names them', async () => {
    for (const query of ['since=yesterday', 'limit=5']) {
      const response = await http().get(`/sink/deliveries?${query}`).expect(400);
      expect(response.type).toBe('application/problem+json');
      expect(response.body).toMatchObject({ code: 'invalid-request', errors: [{ pointer: `?${query.split('=')[0]}` }] });
    }
    await http().get('/sink/deliveries?since=2026-01-01T00:00:00Z').expect(200);
  });
});
