import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startApp, type TestApp } from '../support/app.js';
import { type FrozenBuild, freezeBuild } from '../support/frozen-build.js';
import { startServer } from '../support/server-process.js';
import { messagesDeskSuite } from './messages-desk-suite.js';
import { messagesReceiptsSuite } from './messages-receipts-suite.js';
import { historyOf, message, messagesSuite, post, streamOf, untilStored } from './messages-suite.js';

messagesSuite('Messages on the embedded store', async () => ({}));

messagesReceiptsSuite('Receipts on the embedded store', async () => ({}));

messagesDeskSuite('The desk and messages that are dead, on the embedded store', async () => ({}));

describe('Messages without consumers', () => {
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'signalbox-test-'));
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  it('are kept, over restarts, and stored in their order when there are consumers again', async () => {
    const off = await startApp({ DATA_DIR: dataDir, ENABLE_STREAM_CONSUMERS: 'false' });
    for (const n of [0, 1, 2]) await post(off, message({ clientMessageId: `off-${n}`, content: `${n}` }));
    expect((await historyOf(off, 'test_conv_001')).data).toEqual([]);
    await off.stop();
    const on = await startApp({ DATA_DIR: dataDir });
    try {
      const stored = await untilStored(on, 'test_conv_001', 3);
      expect(stored.map(({ content }) => content)).toEqual(['0', '1', '2']);
    } finally {
      await on.stop();
    }
  }, 30_000);

  it('stored directly go behind what their conversation has in the log, and past what others have there', async () => {
    const settings = { DATA_DIR: await mkdtemp(join(tmpdir(), 'signalbox-test-')), ENABLE_STREAM_CONSUMERS: 'false' };
    const queued = await startApp(settings);
    await post(queued, message({ conversationId: 'waits', clientMessageId: 'w-0', content: '0' }));
    await queued.stop();
    const direct = await startApp({ ...settings, INGRESS_MODE: 'direct' });
    const behind = await direct.send(
      'POST',
      '/api/v1/messages',
      message({ conversationId: 'waits', clientMessageId: 'w-1', content: '1' }),
    );
    expect(behind).toMatchObject({ status: 202, body: { state: 'pending' } });
    const other = message({ conversationId: 'free', clientMessageId: 'f-0', content: '0' });
    const stored = await direct.send('POST', '/api/v1/messages', other);
    expect(stored).toMatchObject({ status: 202, body: { state: 'persisted', idempotentHit: false } });
    expect((await historyOf(direct, 'free')).data.map(({ content }) => content)).toEqual(['0']);
    expect(await direct.send('POST', '/api/v1/messages', other)).toMatchObject({
      status: 200,
      body: { ...stored.body, idempotentHit: true },
    });
    expect((await direct.send('POST', '/api/v1/messages', { ...other, content: 'x' })).status).toBe(422);
    await direct.stop();
    const both = await startApp({ ...settings, ENABLE_STREAM_CONSUMERS: 'true', INGRESS_MODE: 'direct' });
    try {
      await untilStored(both, 'waits', 2);
      await both.send('POST', '/api/v1/messages', message({ conversationId: 'waits', clientMessageId: 'w-2', content: '2' }));
      const all = await untilStored(both, 'waits', 3);
      expect(all.map(({ content }) => content)).toEqual(['0', '1', '2']);
      // Accepted once more through the log, which knows nothing of it: still one row.
      expect((await historyOf(both, 'free')).data).toHaveLength(1);
    } finally {
      await both.stop();
      await rm(settings.DATA_DIR, { recursive: true, force: true });
    }
  }, 60_000);
});

describe('A message that is never stored', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ IDEMPOTENCY_TTL_MS: '1000', STREAM_FAILURE_POLICY: 'hold' });
  });
  afterAll(() => app.stop());

  it('is a dead letter of the same desk as all others, where it can be given up', async () => {
    const body = message({ conversationId: 'poison', clientMessageId: 'x-1' });
    const id = await post(app, body);
    await untilStored(app, 'poison', 1);
    // What remembers the key is gone by then: the unique key of the store is the last guard.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const other = await app.send<{ messageId: string }>('POST', '/api/v1/messages', { ...body, content: 'Something else' });
    expect(other).toMatchObject({ status: 202, body: { messageId: id } });
    const dead = await eventually(async () => {
      const page = await app.get<{ data: { deliveryId: string }[] }>('/api/v1/dead-letters?workload=messages');
      return page.body.data[0];
    });
    expect(dead).toMatchObject({ deliveryId: id, workload: 'messages', recipient: 'poison', failure: { code: 'conflicting-payload' } });
    expect((await app.get('/api/v1/dead-letters')).body).toMatchObject({ data: [{ deliveryId: id }] });
    expect((await app.get('/api/v1/dead-letters?workload=notifications')).body).toMatchObject({ data: [] });
    expect((await app.get('/api/v1/dead-letters/groups')).body).toMatchObject({ data: [{ code: 'conflicting-payload', count: 1 }] });
    expect((await app.get(`/api/v1/dead-letters/${id}`)).body).toMatchObject({ deliveryId: id, status: 'dead' });
    expect((await historyOf(app, 'poison')).data).toHaveLength(1);
    expect((await app.get('/api/v1/streams/messages/parked')).body).toMatchObject({ data: [{ key: 'poison', state: 'held' }] });
    const next = await post(app, message({ conversationId: 'poison', clientMessageId: 'x-2', content: 'Next' }));
    const release = await app.send('POST', '/api/v1/streams/messages/release', { key: 'poison' });
    expect(release.body).toMatchObject({ released: true });
    expect((await untilStored(app, 'poison', 2)).map(({ messageId }) => messageId)).toEqual([id, next]);
    expect((await app.send('DELETE', `/api/v1/dead-letters/${id}?reason=a%20mistake`)).body).toMatchObject({ changed: true });
    expect((await app.get('/api/v1/dead-letters')).body).toMatchObject({ data: [] });
  }, 30_000);

  it('goes back to the log when it is redriven', async () => {
    const body = message({ conversationId: 'redriven', clientMessageId: 'r-1' });
    const id = await post(app, body);
    await untilStored(app, 'redriven', 1);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await app.send('POST', '/api/v1/messages', { ...body, content: 'Something else' });
    const inDesk = () => eventually(async () => (await app.get(`/api/v1/dead-letters/${id}`)).status === 200);
    await inDesk();
    expect(await app.send('POST', `/api/v1/dead-letters/${id}/redrive`)).toMatchObject({ status: 202, body: { changed: true } });
    // It fails again for the same reason, and comes back.
    await inDesk();
    expect((await streamOf(app)).depth.reduce((sum, { lag, pending }) => sum + lag + pending, 0)).toBe(0);
  }, 30_000);
});

describe('Steps 2 to 5 of the checklist of messages, on a process of its own', () => {
  let build: FrozenBuild;
  let place: string;
  beforeAll(async () => {
    build = await freezeBuild();
    place = await mkdtemp(join(tmpdir(), 'signalbox-log-'));
  }, 120_000);
  afterAll(async () => {
    await build?.remove();
    await rm(place, { recursive: true, force: true });
  });

  it('says that a worker started for each partition, and what became of each message', async () => {
    const logFile = join(place, 'log.ndjson');
    const server = await startServer({ directory: build.directory, logFile });
    const logged = async (pattern: RegExp): Promise<number> => (await readFile(logFile, 'utf8')).match(pattern)?.length ?? 0;
    try {
      await eventually(async () => (await logged(/"msg":"Worker started for partition \d+"/g)) === 16);
      const send = async () => {
        const headers = { 'content-type': 'application/json' };
        return fetch(`${server.url}/api/messages`, { method: 'POST', headers, body: JSON.stringify(message()) });
      };
      expect((await send()).status).toBe(202);
      await eventually(async () => (await logged(/"msg":"Persisted 1"/g)) === 1);
      const again = await send();
      expect(again.status).toBe(200);
      expect(await again.json()).toMatchObject({ idempotentHit: true });
      const metrics = await (await fetch(`${server.url}/metrics/prometheus`)).text();
      expect(metrics).toMatch(/^idempotency_hit_total\{operation="ingress"\} 1$/m);
      expect(metrics).toMatch(/^stream_enqueue_total 1$/m);
    } finally {
      await server.stop();
    }
  }, 60_000);
});
