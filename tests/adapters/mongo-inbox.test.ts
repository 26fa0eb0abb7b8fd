import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ItemDocument } from '../../src/adapters/mongo/inbox.js';
import type { InboxDraft, InboxItem } from '../../src/ports/inbox.js';
import { inboxContract } from '../contracts/inbox-contract.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { INBOX_KEEP, type MongoHarness, makeMongo } from './mongo-harness.js';

const ADA = { tenant: 't', userId: 'ada' };

const draft = (name: string): InboxDraft => ({
  ...ADA,
  operationId: name,
  notificationId: `ntf-${name}`,
  category: null,
  subject: null,
  body: name,
  data: null,
});

describeWith(await serverOrSkip('mongodb'), 'MongoDB', (server) => {
  inboxContract({ stillClock: false, durable: true, keep: INBOX_KEEP }, () => makeMongo(server.uri));

  describe('an inbox that many processes write to', () => {
    let harness: MongoHarness;
    beforeEach(async () => {
      harness = await makeMongo(server.uri);
    });
    afterEach(() => harness.dispose());

    test('has no gaps for whoever reads on from a number, while two processes put at once', async () => {
      const processes = [harness, await harness.another()];
      const reader = await harness.another();
      const each = INBOX_KEEP / 2;
      let writing = true;
      const put = processes.map(({ inbox }, p) => Promise.all(Array.from({ length: each }, (_, n) => inbox.put(draft(`${p}-${n}`)))));
      const all = Promise.all(put).finally(() => {
        writing = false;
      });
      const seen: InboxItem[] = [];
      for (let last = false; !last; ) {
        last = !writing;
        seen.push(...(await reader.inbox.after(ADA, seen.at(-1)?.seq ?? 0, 100)));
      }
      const items = (await all).flat();
      expect(seen.map(({ seq }) => seq)).toEqual(Array.from({ length: INBOX_KEEP }, (_, n) => n + 1));
      expect([...items].sort((a, b) => a.seq - b.seq)).toEqual(seen);
    });

    test('takes an operation once, whoever puts it', async () => {
      const processes = [harness, await harness.another(), await harness.another()];
      const items = await Promise.all(processes.flatMap(({ inbox }) => [inbox.put(draft('one')), inbox.put(draft('one'))]));
      for (const item of items) expect(item).toEqual(items[0]);
      expect(await harness.inbox.list({ ...ADA, limit: 10 })).toEqual([items[0]]);
    });

    test('finds a number taken that was given long ago, also when its item is kept no more', async () => {
      for (let n = 0; n < INBOX_KEEP + 2; n += 1) await harness.inbox.put(draft(`item ${n}`));
      expect(await harness.inbox.after(ADA, 0, 1)).toEqual([expect.objectContaining({ seq: 3 })]);
      // A process that asked for the next number and was then stopped for a long time.
      const late: ItemDocument = {
        _id: 't\nlate',
        ...ADA,
        operationId: 'late',
        seq: 2,
        createdAt: 1,
        readAt: null,
        live: true,
        item: '{}',
      };
      const insert = harness.pool.run((database) => database.collection<ItemDocument>('inbox').insertOne(late));
      await expect(insert).rejects.toMatchObject({ code: 11000 });
      // The first item again, by somebody who never heard that it was stored.
      expect(await harness.inbox.put(draft('item 0'))).toMatchObject({ ...draft('item 0'), seq: 1 });
      expect(await harness.inbox.list({ ...ADA, limit: 100 })).toHaveLength(INBOX_KEEP);
    });
  });
});
