import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startApp, type TestApp } from '../support/app.js';
import type { Audit, List, Operation } from './desk-tester.js';
import { message, post, untilStored } from './messages-suite.js';

/** Keys are forgotten after a second, so that the store is the one that finds another message under a key. */
const TTL_MS = 1_000;
const MANY = 3;

/** What people do to messages that are dead, whatever they are kept by. */
export function messagesDeskSuite(title: string, settings: () => Promise<Readonly<Record<string, string>>>): void {
  describe(title, () => {
    let app: TestApp;
    const dead = () => app.get<List<{ deliveryId: string }>>('/api/v1/dead-letters?workload=messages');
    const audited = async (action: string): Promise<readonly Audit[]> =>
      (await app.get<List<Audit>>(`/api/v1/desk/audit?action=${action}`)).body.data;
    const untilDone = (operation: string): Promise<Operation> =>
      eventually(async () => {
        const { body } = await app.get<Operation>(`/api/v1/desk/operations/${operation}`);
        return body.status === 'completed' ? body : null;
      }, 20_000);
    beforeAll(async () => {
      app = await startApp({ ...(await settings()), IDEMPOTENCY_TTL_MS: String(TTL_MS) });
      // Another content under keys that only the store knows any more: dead, and never to be stored.
      const bodies = Array.from({ length: MANY }, (_, n) => message({ conversationId: 'desk', clientMessageId: `d-${n}` }));
      for (const body of bodies) await post(app, body);
      await untilStored(app, 'desk', MANY);
      await new Promise((resolve) => setTimeout(resolve, TTL_MS + 200));
      for (const body of bodies) await post(app, { ...body, content: 'Something else' });
      await eventually(async () => (await dead()).body.data.length === MANY);
    }, 60_000);
    afterAll(() => app?.stop());

    it('counts those that an operation on many has redriven, and has each of them in the audit', async () => {
      const filter = { workload: 'messages' };
      const begun = await app.send<Operation>('POST', '/api/v1/dead-letters/redrive', { filter, note: 'once more' });
      expect(begun).toMatchObject({ status: 202, body: { matched: MANY, done: 0 } });
      const { operationId } = begun.body;
      expect(await untilDone(operationId)).toMatchObject({ matched: MANY, done: MANY });
      const entries = await audited('redriven');
      expect(entries).toHaveLength(MANY);
      for (const entry of entries) {
        expect(entry).toMatchObject({
          rule: 'desk.redrive',
          detail: { operation: operationId, note: 'once more', code: 'conflicting-payload' },
        });
      }
      expect(new Set(entries.map(({ deliveryId }) => deliveryId)).size).toBe(MANY);
    }, 30_000);

    it('has one entry for one that is discarded by itself, however often that is asked', async () => {
      // They fail again for the same reason, and come back.
      const { body } = await eventually(async () => {
        const found = await dead();
        return found.body.data.length === MANY ? found : null;
      });
      const id = body.data[0]?.deliveryId ?? '';
      const discard = () => app.send('DELETE', `/api/v1/dead-letters/${id}?reason=a%20mistake`);
      expect(await discard()).toMatchObject({ body: { changed: true } });
      expect((await discard()).status).toBe(404);
      expect(await audited('discarded')).toMatchObject([{ deliveryId: id, detail: { reason: 'a mistake', operation: null } }]);
    }, 30_000);

    it('counts those that an operation on many has discarded', async () => {
      const filter = { workload: 'messages', code: 'conflicting-payload' };
      const begun = await app.send<Operation>('POST', '/api/v1/dead-letters/discard', { filter, reason: 'never right' });
      expect(await untilDone(begun.body.operationId)).toMatchObject({ matched: MANY - 1, done: MANY - 1 });
      expect((await dead()).body.data).toEqual([]);
      expect((await audited('discarded')).filter(({ detail }) => detail['operation'] === begun.body.operationId)).toHaveLength(MANY - 1);
    }, 30_000);
  });
}
