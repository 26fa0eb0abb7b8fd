import { describe, expect, test } from '@jest/globals';
import { inAppChannel } from '../../src/channels/in-app.js';
import { SignalboxError } from '../../src/errors.js';
import type { InboxDraft, InboxKey } from '../../src/ports/inbox.js';
import { effectTo, noAbort } from './fixtures.js';

function set(put?: () => Promise<never>) {
  const drafts: InboxDraft[] = [];
  const told: InboxKey[] = [];
  const inbox = {
    put: (draft: InboxDraft) => {
      drafts.push(draft);
      return put === undefined ? Promise.resolve({ ...draft, seq: 7, createdAt: 1, readAt: null }) : put();
    },
  };
  return { drafts, told, channel: inAppChannel({ inbox, arrived: (key) => told.push(key) }) };
}

describe('The in-app channel', () => {
  test('puts the notification into the person’s inbox under its operation, and tells who is watching', async () => {
    const { drafts, told, channel } = set();
    expect(await channel.send(effectTo('user_001'), noAbort())).toEqual({ kind: 'done', receipt: '7' });
    expect(drafts).toEqual([
      {
        tenant: 'default',
        userId: 'user_001',
        operationId: 'op-0123456789abcdef',
        notificationId: 'ntf-1',
        category: 'orders',
        subject: 'Your order has shipped',
        body: 'It left the warehouse at 9.',
        data: { order: 42 },
      },
    ]);
    expect(told).toEqual([{ tenant: 'default', userId: 'user_001' }]);
  });

  test('does not know what became of a write that failed, and tells nobody; the inbox absorbs the next try', async () => {
    const { told, channel } = set(() => Promise.reject(new SignalboxError('store-unavailable', 'gone')));
    expect(await channel.send(effectTo('user_001'), noAbort())).toMatchObject({ kind: 'unknown', failure: { code: 'store-unavailable' } });
    expect(told).toEqual([]);
    expect(channel.effectClass).toBe('idempotent');
  });

  test('called off before it began has written nothing', async () => {
    const { drafts, channel } = set();
    const controller = new AbortController();
    controller.abort();
    expect(await channel.send(effectTo('user_001'), controller.signal)).toMatchObject({ kind: 'retry', failure: { code: 'aborted' } });
    expect(drafts).toEqual([]);
  });
});
