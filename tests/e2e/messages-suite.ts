import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, type Json, startApp, type TestApp } from '../support/app.js';
import { type EventStream, openStream } from '../support/event-stream.js';

interface Accepted extends Json {
  readonly messageId: string;
  readonly state: string;
  readonly acceptedAt: string;
  readonly idempotentHit: boolean;
}

interface Stored extends Json {
  readonly messageId: string;
  readonly content: string;
  readonly order: string;
}

interface History {
  readonly data: readonly Stored[];
  readonly nextCursor: string | null;
}

export interface StreamView {
  readonly paused: boolean;
  readonly epoch: number;
  readonly partitions: number;
  readonly moving: unknown;
  readonly depth: readonly {
    readonly partition: number;
    readonly lag: number;
    readonly pending: number;
    readonly parked: number;
    readonly owner: string | null;
  }[];
}

/** The call of the checklist. */
export function message(change: Json = {}): Json {
  return {
    conversationId: 'test_conv_001',
    senderId: 'user_001',
    content: 'Hello, Phase 3!',
    contentType: 'text',
    clientMessageId: 'client_msg_001',
    recipientIds: ['user_002'],
    ...change,
  };
}

export async function historyOf(app: TestApp, conversation: string, query = ''): Promise<History> {
  return (await app.get<History>(`/api/v1/conversations/${conversation}/messages${query}`)).body;
}

export async function streamOf(app: TestApp): Promise<StreamView> {
  return (await app.get<StreamView>('/api/v1/streams/messages')).body;
}

/** Posts it and gives the id. */
export async function post(app: TestApp, body: Json): Promise<string> {
  const answer = await app.send<Accepted>('POST', '/api/v1/messages', body);
  if (answer.status !== 202) throw new Error(`not accepted: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body.messageId;
}

/** Waits until the conversation has so many. */
export function untilStored(app: TestApp, conversation: string, many: number): Promise<readonly Stored[]> {
  return eventually(async () => {
    const { data } = await historyOf(app, conversation, '?limit=100');
    return data.length >= many ? data : null;
  });
}

async function metric(app: TestApp, line: string): Promise<number> {
  const text = await (await fetch(`${app.url}/metrics/prometheus`)).text();
  const found = text.split('\n').find((each) => each.startsWith(`${line} `));
  return found === undefined ? 0 : Number(found.slice(line.length + 1));
}

/** What messages are over HTTP, whatever they are kept by. */
export function messagesSuite(title: string, settings: () => Promise<Readonly<Record<string, string>>>): void {
  describe(title, () => {
    let app: TestApp;
    const open: EventStream[] = [];
    beforeAll(async () => {
      app = await startApp(await settings());
    }, 60_000);
    afterEach(() => {
      for (const stream of open.splice(0)) stream.close();
    });
    afterAll(() => app?.stop());

    it('owns all sixteen partitions soon after its start', async () => {
      const { depth, partitions } = await eventually(async () => {
        const view = await streamOf(app);
        return view.depth?.every(({ owner }) => owner !== null) ? view : null;
      });
      expect(partitions).toBe(16);
      expect(depth.map(({ partition }) => partition)).toEqual(Array.from({ length: 16 }, (_, n) => n));
    });

    it('acknowledges a message as pending, and has it stored within a second', async () => {
      const enqueued = await metric(app, 'stream_enqueue_total');
      const sent = performance.now();
      const answer = await app.send<Accepted>('POST', '/api/messages', message());
      expect(answer.status).toBe(202);
      expect(answer.body).toEqual({
        messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        state: 'pending',
        acceptedAt: expect.stringMatching(/Z$/),
        idempotentHit: false,
      });
      expect(answer.headers.get('location')).toBe(`/api/v1/messages/${answer.body.messageId}`);
      const found = await eventually(async () => {
        const detail = await app.get(`/api/v1/messages/${answer.body.messageId}`);
        return detail.body['state'] === 'persisted' ? detail.body : null;
      });
      expect(performance.now() - sent).toBeLessThan(1000);
      expect(found).toMatchObject({ ...message(), state: 'persisted', acceptedAt: answer.body.acceptedAt, receipts: [] });
      expect(await metric(app, 'stream_enqueue_total')).toBe(enqueued + 1);
      expect(await metric(app, 'stream_consumer_processed_total{status="success"}')).toBeGreaterThan(0);
    });

    it('answers the same message again with the first answer and its id, once more counted, and stores no second row', async () => {
      const body = message({ conversationId: 'again', clientMessageId: 'again-1' });
      const first = await app.send<Accepted>('POST', '/api/messages', body);
      const hits = await metric(app, 'idempotency_hit_total{operation="ingress"}');
      const second = await app.send<Accepted>('POST', '/api/v1/messages', body);
      expect(second.status).toBe(200);
      expect(second.headers.get('idempotency-replayed')).toBe('true');
      expect(second.body).toEqual({ ...first.body, idempotentHit: true });
      expect(await metric(app, 'idempotency_hit_total{operation="ingress"}')).toBe(hits + 1);
      await untilStored(app, 'again', 1);
      expect((await historyOf(app, 'again')).data).toHaveLength(1);
    });

    it('takes the same message once when it is sent many times at once', async () => {
      const body = message({ conversationId: 'at-once', clientMessageId: 'at-once-1' });
      const answers = await Promise.all(Array.from({ length: 20 }, () => app.send<Accepted>('POST', '/api/v1/messages', body)));
      expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(19);
      expect(new Set(answers.map(({ body: { messageId } }) => messageId)).size).toBe(1);
    });

    it('refuses another message under the same key, and knows keys by sender and conversation', async () => {
      const body = message({ conversationId: 'keys' });
      const id = await post(app, body);
      const other = await app.send('POST', '/api/v1/messages', { ...body, content: 'Something else' });
      expect(other.status).toBe(422);
      expect(other.body).toMatchObject({ code: 'idempotency-conflict', errors: [{ pointer: '/clientMessageId' }] });
      const ids = [await post(app, { ...body, senderId: 'user_009' }), await post(app, { ...body, conversationId: 'keys-2' })];
      expect(new Set([id, ...ids]).size).toBe(3);
    });

    it('takes the key from the header as well, and refuses two that differ', async () => {
      const { clientMessageId: _, ...body } = message({ conversationId: 'header' });
      const headers = { 'idempotency-key': 'header-1' };
      const first = await app.send<Accepted>('POST', '/api/v1/messages', body, headers);
      const same = await app.send<Accepted>('POST', '/api/v1/messages', { ...body, clientMessageId: 'header-1' });
      expect([first.status, same.status]).toEqual([202, 200]);
      expect(same.body.messageId).toBe(first.body.messageId);
      const differing = await app.send('POST', '/api/v1/messages', { ...body, clientMessageId: 'other' }, headers);
      expect(differing.status).toBe(400);
    });

    it('refuses what is no message, naming the field', async () => {
      const wrong: readonly (readonly [Json, string])[] = [
        [{ conversationId: '' }, '/conversationId'],
        [{ content: '' }, '/content'],
        [{ content: 'a\u0000b' }, '/content'],
        [{ contentType: 'a b' }, '/contentType'],
        [{ recipientIds: ['a', 'a'] }, '/recipientIds'],
        [{ surprise: 1 }, '/surprise'],
        [{ senderId: { $gt: '' } }, '/senderId'],
      ];
      for (const [change, pointer] of wrong) {
        const { status, body } = await app.send('POST', '/api/v1/messages', message(change));
        expect([status, (body['errors'] as { pointer: string }[])[0]?.pointer]).toEqual([400, pointer]);
      }
    });

    it('keeps the order in which a conversation was sent, and gives it in pages from either end', async () => {
      const many = 45;
      for (let n = 0; n < many; n += 1) await post(app, message({ conversationId: 'ordered', clientMessageId: `o-${n}`, content: `${n}` }));
      const all = await untilStored(app, 'ordered', many);
      expect(all.map(({ content }) => content)).toEqual(Array.from({ length: many }, (_, n) => `${n}`));
      expect(all.every(({ order }, n) => n === 0 || order > (all[n - 1]?.order ?? ''))).toBe(true);
      const first = await historyOf(app, 'ordered', '?limit=20');
      const second = await historyOf(app, 'ordered', `?limit=30&cursor=${first.nextCursor}`);
      expect([...first.data, ...second.data]).toEqual(all);
      expect(second.nextCursor).toBeNull();
      const newest = await historyOf(app, 'ordered', '?order=newest&limit=2');
      expect(newest.data.map(({ content }) => content)).toEqual(['44', '43']);
      const foreign = await app.get(`/api/v1/conversations/ordered/messages?cursor=${newest.nextCursor}`);
      expect(foreign.status).toBe(400);
    });

    it('keeps content that is too large for the log all the same', async () => {
      const content = 'é'.repeat(50_000);
      const body = message({ conversationId: 'large', clientMessageId: 'large-1', content });
      await post(app, body);
      const [stored] = await untilStored(app, 'large', 1);
      expect(stored?.content).toBe(content);
      expect((await app.send('POST', '/api/v1/messages', body)).status).toBe(200);
    });

    it('shows a conversation as it goes on, and again from where a client left', async () => {
      const say = (n: number): Promise<string> =>
        post(app, message({ conversationId: 'live', clientMessageId: `l-${n}`, content: `${n}` }));
      await say(0);
      await untilStored(app, 'live', 1);
      const stream = await openStream(`${app.url}/api/v1/conversations/live/stream`);
      open.push(stream);
      await say(1);
      await say(2);
      const events = await stream.events(2);
      expect(events.map(({ event, data }) => [event, data['content']])).toEqual([
        ['message', '1'],
        ['message', '2'],
      ]);
      await untilStored(app, 'live', 3);
      const resumed = await openStream(`${app.url}/api/v1/conversations/live/stream`, events[0]?.id);
      open.push(resumed);
      expect((await resumed.events(1)).map(({ data }) => data['content'])).toEqual(['2']);
      expect((await app.get('/api/v1/conversations/live/stream?lastEventId=x')).status).toBe(400);
    });

    it('accepts while it is paused, shows what waits as pending, and stores it when it goes on', async () => {
      expect((await app.send('POST', '/api/v1/streams/messages/pause')).body).toMatchObject({ paused: true });
      // A beat tells every owner of it.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const ids = [];
      for (const n of [0, 1, 2])
        ids.push(await post(app, message({ conversationId: 'paused', clientMessageId: `p-${n}`, content: `${n}` })));
      const view = await streamOf(app);
      expect(view.paused).toBe(true);
      expect(view.depth.reduce((sum, { lag }) => sum + lag, 0)).toBe(3);
      expect((await historyOf(app, 'paused')).data).toEqual([]);
      expect((await app.get(`/api/v1/messages/${ids[0]}`)).body).toMatchObject({ state: 'pending', conversationId: 'paused' });
      const receipts = `/api/v1/messages/${ids[0]}/receipts`;
      expect(await app.get(receipts)).toMatchObject({ status: 200, body: { messageId: ids[0], data: [] } });
      const early = await app.send('POST', receipts, { userId: 'user_002', state: 'read' });
      expect(early).toMatchObject({ status: 409, body: { title: 'The message is not stored yet' } });
      expect(early.headers.get('retry-after')).toBe('1');
      const partition = (await app.get<{ partition: number }>('/api/v1/streams/messages/partition?key=paused')).body.partition;
      expect(await metric(app, `stream_partition_lag{partition="${partition}"}`)).toBe(3);
      await app.send('POST', '/api/v1/streams/messages/resume');
      const stored = await untilStored(app, 'paused', 3);
      expect(stored.map(({ content }) => content)).toEqual(['0', '1', '2']);
    }, 20_000);

    it('has twice as many partitions when it is told to, and conversations keep their order', async () => {
      for (let n = 0; n < 5; n += 1) await post(app, message({ conversationId: 'moved', clientMessageId: `m-${n}`, content: `${n}` }));
      const { epoch } = await streamOf(app);
      const { body } = await app.send<StreamView>('POST', '/api/v1/streams/messages/partitions', { partitions: 32 });
      expect(body).toMatchObject({ epoch: epoch + 1, partitions: 32 });
      for (let n = 5; n < 10; n += 1) await post(app, message({ conversationId: 'moved', clientMessageId: `m-${n}`, content: `${n}` }));
      const stored = await untilStored(app, 'moved', 10);
      expect(stored.map(({ content }) => content)).toEqual(Array.from({ length: 10 }, (_, n) => `${n}`));
      const view = await eventually(async () => {
        const now = await streamOf(app);
        return now.moving === null ? now : null;
      });
      expect(view.depth).toHaveLength(32);
      const again = await app.send<Accepted>(
        'POST',
        '/api/v1/messages',
        message({ conversationId: 'moved', clientMessageId: 'm-3', content: '3' }),
      );
      expect(again.body.idempotentHit).toBe(true);
    }, 30_000);
  });
}
