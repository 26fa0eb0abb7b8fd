import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import supertest from 'supertest';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import { pushChannel } from '../../src/channels/push.js';
import { smsChannel } from '../../src/channels/sms.js';
import type { Channel } from '../../src/ports/channel.js';
import { sinkRouter } from '../../src/sink/routes.js';
import { createSink, type Listing } from '../../src/sink/sink.js';
import { type StandaloneSink, startStandaloneSink } from '../../src/sink/standalone.js';
import { effectTo, noAbort } from '../channels/fixtures.js';

const clock = createSystemClock();
const timers = createSystemTimers();
const PHONE = '+351912345678';

let standalone: StandaloneSink;
let sms: Channel & { close(): Promise<void> };
let push: Channel & { close(): Promise<void> };

beforeEach(async () => {
  standalone = await startStandaloneSink({ clock, timers, httpPort: 0, smtpPort: 0 });
  const shared = { clock, timers, token: null, effectClass: 'idempotent' as const, headersTimeoutMs: 300 };
  sms = smsChannel({ ...shared, endpoint: () => `${standalone.httpUrl}/sink/sms`, from: null });
  push = pushChannel({ ...shared, endpoint: () => `${standalone.httpUrl}/sink/push` });
});
afterEach(async () => {
  await Promise.all([sms.close(), push.close()]);
  await standalone.stop();
});

const http = () => supertest(standalone.httpUrl);
const script = (body: object) => http().put('/sink/behaviour').send(body).expect(200);
const listed = async (query = ''): Promise<Listing> => (await http().get(`/sink/deliveries${query}`).expect(200)).body as Listing;

describe('SMS and push notifications at the sink', () => {
  test('are shown by channel, repeats under one key counted and answered with the same id', async () => {
    const first = await sms.send(effectTo(PHONE), noAbort());
    const again = await sms.send(effectTo(PHONE, { attempt: 2 }), noAbort());
    expect(first).toEqual({ kind: 'done', receipt: 'sink-sms-op-0123456789abcdef' });
    expect(again).toEqual(first);
    await push.send(effectTo('device-1'), noAbort());
    const { arrivals, effects, counters } = await listed('?channel=sms');
    expect(arrivals).toHaveLength(2);
    expect(effects).toMatchObject([
      {
        target: PHONE,
        operationId: 'op-0123456789abcdef',
        subject: null,
        excerpt: 'It left the warehouse at 9.',
        requestId: 'req-77',
        duplicates: 1,
      },
    ]);
    expect(counters).toMatchObject({ sms: { arrivals: 2, effects: 1, duplicates: 1 }, push: { arrivals: 1, effects: 1 } });
    expect((await listed('?channel=push')).effects).toMatchObject([
      { target: 'device-1', subject: 'Your order has shipped', duplicates: 0 },
    ]);
  });

  test.each([
    [{ do: 'status', status: 429, retryAfterS: 3 }, { kind: 'retry', throttled: true, afterMs: 3000 }, 0],
    [{ do: 'status', status: 503 }, { kind: 'retry' }, 0],
    [{ do: 'status', status: 201 }, { kind: 'done', receipt: 'sink-sms-op-0123456789abcdef' }, 1],
    [{ do: 'delay', delayMs: 50 }, { kind: 'done' }, 1],
    [{ do: 'hang' }, { kind: 'unknown', failure: { code: 'sms_timeout' } }, 1],
    [{ do: 'drop-reply' }, { kind: 'unknown', failure: { code: 'sms_reply_lost' } }, 1],
    [{ do: 'refuse' }, { kind: 'unknown', failure: { code: 'sms_reply_lost' } }, 0],
  ])('behave as scripted: %j', async (step, outcome, effects) => {
    await script({ channel: 'sms', name: PHONE, steps: [step] });
    expect(await sms.send(effectTo(PHONE), noAbort())).toMatchObject(outcome);
    expect((await listed()).counters.sms).toMatchObject({ arrivals: 1, effects });
    expect(await sms.send(effectTo(PHONE), noAbort())).toMatchObject({ kind: 'done' });
  });

  test('that are none are refused', async () => {
    for (const body of [{ text: 'nobody' }, { to: PHONE }, [], 'text']) {
      await http().post('/sink/sms').send(JSON.stringify(body)).set('content-type', 'application/json').expect(400);
    }
    await http().post('/sink/push').send({ token: 'device-1' }).expect(400);
    expect((await listed()).counters.sms.arrivals).toBe(0);
  });

  test('are taken behind express as well, and stand on the page', async () => {
    const sink = createSink({ clock, timers });
    const app = express().use('/sink', sinkRouter(sink));
    await supertest(app).post('/sink/sms').set('idempotency-key', 'op-1').send({ to: PHONE, text: 'Hello there' }).expect(200);
    await supertest(app).post('/sink/push').set('idempotency-key', 'op-2').send({ token: 'device-1', body: 'Hi' }).expect(200);
    const page = await supertest(app).get('/sink').set('accept', 'text/html').expect(200);
    for (const text of [PHONE, 'Hello there', 'device-1', 'op-2']) expect(page.text).toContain(text);
    sink.close();
  });
});
