import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Json, startApp, type TestApp } from '../support/app.js';
import { type EventStream, openStream } from '../support/event-stream.js';
import { message, post, untilStored } from './messages-suite.js';

/** What recipients say of messages, whatever these are kept by. */
export function messagesReceiptsSuite(title: string, settings: () => Promise<Readonly<Record<string, string>>>): void {
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

    it('takes each receipt once, of recipients only', async () => {
      const id = await post(app, message({ conversationId: 'receipts' }));
      await untilStored(app, 'receipts', 1);
      const give = (userId: string, state: string) => app.send('POST', `/api/v1/messages/${id}/receipts`, { userId, state });
      const first = await give('user_002', 'delivered');
      expect(first).toMatchObject({ status: 201, body: { userId: 'user_002', state: 'delivered', idempotentHit: false } });
      expect(await give('user_002', 'delivered')).toMatchObject({ status: 200, body: { at: first.body['at'], idempotentHit: true } });
      expect((await give('user_002', 'read')).status).toBe(201);
      expect((await give('stranger', 'read')).status).toBe(400);
      expect((await give('user_002', 'seen')).status).toBe(400);
      const { body } = await app.get<{ receipts: Json[] }>(`/api/v1/messages/${id}`);
      expect(body.receipts.map(({ state }) => state)).toEqual(['delivered', 'read']);
      expect((await app.get('/api/v1/messages/00000000-0000-4000-8000-000000000000/receipts')).status).toBe(404);
    });

    it('shows those who listen to a conversation who receives and who reads, once each', async () => {
      const id = await post(app, message({ conversationId: 'receipts-live', recipientIds: ['user_002'] }));
      await untilStored(app, 'receipts-live', 1);
      const listen = (conversation: string) => openStream(`${app.url}/api/v1/conversations/${conversation}/stream`);
      const [stream, other] = [await listen('receipts-live'), await listen('another')];
      open.push(stream, other);
      const give = (state: string) => app.send('POST', `/api/v1/messages/${id}/receipts`, { userId: 'user_002', state });
      const { body } = await give('delivered');
      await give('delivered');
      await give('read');
      const events = await stream.events(2);
      const data = { messageId: id, conversationId: 'receipts-live', userId: 'user_002' };
      expect(events[0]).toEqual({ id: stream.lastEventId(), event: 'receipt', data: { ...data, state: 'delivered', at: body['at'] } });
      expect(events[1]).toMatchObject({ event: 'receipt', data: { ...data, state: 'read' } });
      await post(app, message({ conversationId: 'receipts-live', clientMessageId: 'r-live-2', content: 'Next' }));
      expect((await stream.events(3))[2]).toMatchObject({ event: 'message', data: { content: 'Next' } });
      expect(other.seen()).toEqual([]);
    });
  });
}
