import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Message, MessageDraft, MessageStore, PersistOutcome } from '../../src/ports/messages.js';
import { orderText } from '../../src/ports/partition.js';
import type { PayloadStore } from '../../src/ports/payloads.js';
import type { StoreFeatures, StoreHarness } from './harness.js';

export interface MessagesHarness extends Pick<StoreHarness, 'now' | 'pass' | 'restart' | 'dispose'> {
  readonly messages: MessageStore;
  readonly payloads: PayloadStore;
}

const CHAT = { tenant: 't', conversationId: 'chat' };

/** The n-th message of a conversation, as its stream gives it out. */
export function messageDraft(n: number, change: Partial<MessageDraft> = {}): MessageDraft {
  const { tenant, conversationId } = { ...CHAT, ...change };
  const id = `${tenant}-${conversationId}-${n}`;
  return {
    ...CHAT,
    id,
    idempotencyKey: `key-${id}`,
    fingerprint: `print-${n}`,
    senderId: 'ada',
    clientMessageId: `c-${n}`,
    recipientIds: ['bob'],
    contentType: 'text',
    content: `Message ${n}: é`,
    correlationId: `request-${n}`,
    acceptedAt: 1_000 + n,
    order: orderText(1, 100 + n),
    ...change,
  };
}

const placesOf = (messages: readonly Message[]): string[] => messages.map(({ content }) => content);

/** What every `MessageStore` must do, and the `PayloadStore` beside it. */
export function messagesContract(features: StoreFeatures, make: () => Promise<MessagesHarness>): void {
  let harness: MessagesHarness;
  beforeEach(async () => {
    harness = await make();
  });
  afterEach(() => harness.dispose());
  const all = (change: Partial<typeof CHAT> = {}): Promise<readonly Message[]> =>
    harness.messages.history({ ...CHAT, ...change, limit: 100, newestFirst: false });

  describe('A store of messages', () => {
    test('gives back what was persisted', async () => {
      const before = harness.now();
      const plain = messageDraft(2, { clientMessageId: null, recipientIds: [] });
      expect(await harness.messages.persist([messageDraft(1), plain])).toEqual(['stored', 'stored']);
      const message = await harness.messages.get('t', messageDraft(1).id);
      expect(message).toEqual({ ...messageDraft(1), persistedAt: message?.persistedAt });
      expect(message?.persistedAt).toBeGreaterThanOrEqual(features.stillClock ? before : before - 1000);
      expect(await all()).toEqual([message, expect.objectContaining(plain)]);
      expect(await harness.messages.persist([])).toEqual([]);
    });

    test('has one row for a message, however often it comes, and says which of them stored it', async () => {
      expect(await harness.messages.persist([messageDraft(1), messageDraft(1)])).toEqual(['stored', 'duplicate']);
      // Accepted once more after everything that remembered it was lost: the same message at another place.
      const again = messageDraft(1, { order: orderText(1, 900), acceptedAt: 9_000, correlationId: 'another' });
      expect(await harness.messages.persist([messageDraft(2), again, messageDraft(3)])).toEqual(['stored', 'duplicate', 'stored']);
      expect(placesOf(await all())).toEqual(['Message 1: é', 'Message 2: é', 'Message 3: é']);
      expect(await harness.messages.get('t', again.id)).toMatchObject(messageDraft(1));
    });

    test('several calls at once are answered each for itself, also where one cannot be written', async () => {
      const refuse = (): never => {
        throw new Error('cannot be written');
      };
      const content = { toString: refuse, toJSON: refuse, toBSON: refuse } as unknown as string;
      const unwritable = messageDraft(9, { conversationId: 'other', content });
      const at = (n: number, conversationId: string): MessageDraft => messageDraft(n, { conversationId });
      const [first, failed, second] = await Promise.allSettled([
        harness.messages.persist([messageDraft(1), messageDraft(2)]),
        harness.messages.persist([unwritable]),
        harness.messages.persist([at(1, 'third'), messageDraft(1)]),
      ]);
      expect(first).toMatchObject({ value: ['stored', 'stored'] });
      expect(failed.status).toBe('rejected');
      expect(second).toMatchObject({ value: ['stored', 'duplicate'] });
      expect(await all()).toHaveLength(2);
    });

    test('refuses another message under the same key, and stores its neighbours', async () => {
      await harness.messages.persist([messageDraft(1)]);
      const other = messageDraft(1, { fingerprint: 'other', content: 'other', order: orderText(1, 900) });
      const sameKey = messageDraft(2, { idempotencyKey: messageDraft(1).idempotencyKey });
      const outcomes = await harness.messages.persist([other, sameKey, messageDraft(3)]);
      expect(outcomes).toEqual(['conflict', 'conflict', 'stored']);
      expect(placesOf(await all())).toEqual(['Message 1: é', 'Message 3: é']);
    });

    test('stores a message once, whoever persists it at once', async () => {
      const batches = Array.from({ length: 5 }, () => Array.from({ length: 10 }, (_, n) => messageDraft(n)));
      const outcomes = (await Promise.all(batches.map((batch) => harness.messages.persist(batch)))).flat();
      const count = (outcome: PersistOutcome): number => outcomes.filter((one) => one === outcome).length;
      expect([count('stored'), count('duplicate'), count('conflict')]).toEqual([10, 40, 0]);
      expect(await all()).toHaveLength(10);
    });

    test('lists a conversation by place, in pages, from either end', async () => {
      const drafts = [5, 1, 4, 2, 3].map((n) => messageDraft(n));
      await harness.messages.persist(drafts);
      const first = await harness.messages.history({ ...CHAT, limit: 2, newestFirst: false });
      expect(placesOf(first)).toEqual(['Message 1: é', 'Message 2: é']);
      const next = await harness.messages.history({ ...CHAT, limit: 9, newestFirst: false, after: first[1]?.order ?? '' });
      expect(placesOf(next)).toEqual(['Message 3: é', 'Message 4: é', 'Message 5: é']);
      const newest = await harness.messages.history({ ...CHAT, limit: 2, newestFirst: true });
      expect(placesOf(newest)).toEqual(['Message 5: é', 'Message 4: é']);
      const older = await harness.messages.history({ ...CHAT, limit: 9, newestFirst: true, after: newest[1]?.order ?? '' });
      expect(placesOf(older)).toEqual(['Message 3: é', 'Message 2: é', 'Message 1: é']);
    });

    test('keeps conversations and tenants apart', async () => {
      const elsewhere = messageDraft(1, { conversationId: 'other' });
      const stranger = messageDraft(1, { tenant: 'u' });
      await harness.messages.persist([messageDraft(1), elsewhere, stranger]);
      expect(await all()).toHaveLength(1);
      expect(await all({ conversationId: 'other' })).toMatchObject([{ id: elsewhere.id }]);
      expect(await all({ tenant: 'u' })).toMatchObject([{ id: stranger.id }]);
      expect(await harness.messages.get('u', messageDraft(1).id)).toBeNull();
      expect(await harness.messages.get('t', 'nobody')).toBeNull();
    });

    test('keeps what it stored when the process ends', async () => {
      await harness.messages.persist([messageDraft(1)]);
      await harness.messages.receive('t', messageDraft(1).id, { userId: 'bob', state: 'read' });
      await harness.restart('crashed');
      expect(await all()).toHaveLength(1);
      expect(await harness.messages.receipts('t', messageDraft(1).id)).toMatchObject([{ userId: 'bob', state: 'read' }]);
      expect(await harness.messages.persist([messageDraft(1)])).toEqual(['duplicate']);
    });
  });

  describe('A message that is stored without a stream', () => {
    const unplaced = (n: number) => {
      const { order: _, ...message } = messageDraft(n);
      return message;
    };

    test('comes behind all that the conversation has, and before what its stream gives out later', async () => {
      const placed = await harness.messages.place(unplaced(0));
      expect(placed).toEqual({
        outcome: 'stored',
        message: { ...unplaced(0), order: placed.message.order, persistedAt: expect.any(Number) },
      });
      await harness.messages.persist([messageDraft(1)]);
      await harness.messages.place(unplaced(2));
      await harness.messages.place(unplaced(3));
      await harness.messages.persist([messageDraft(4, { order: orderText(1, 101, 1) }), messageDraft(5)]);
      expect(placesOf(await all())).toEqual([0, 1, 2, 3, 4, 5].map((n) => `Message ${n}: é`));
    });

    test('is there once: a repeat gives the first, and another under its key is told apart', async () => {
      const { message } = await harness.messages.place(unplaced(1));
      expect(await harness.messages.place({ ...unplaced(1), acceptedAt: 9 })).toEqual({ outcome: 'duplicate', message });
      const other = { ...unplaced(1), fingerprint: 'other', content: 'other' };
      expect(await harness.messages.place(other)).toEqual({ outcome: 'conflict', message });
      expect(await harness.messages.persist([messageDraft(1)])).toEqual(['duplicate']);
      expect(await all()).toEqual([message]);
    });

    test('has a place of its own, however many come at once', async () => {
      await Promise.all(Array.from({ length: 20 }, (_, n) => harness.messages.place(unplaced(n))));
      const places = (await all()).map(({ order }) => order);
      expect(new Set(places).size).toBe(20);
    });
  });

  describe('A receipt', () => {
    const { id } = messageDraft(1);

    test('is there once for each person and state, with the time at which it was first given', async () => {
      await harness.messages.persist([messageDraft(1)]);
      const first = await harness.messages.receive('t', id, { userId: 'bob', state: 'delivered' });
      expect(first).toEqual({ added: true, receipt: { userId: 'bob', state: 'delivered', at: expect.any(Number) } });
      await harness.pass(5);
      expect(await harness.messages.receive('t', id, { userId: 'bob', state: 'delivered' })).toEqual({ ...first, added: false });
      await harness.messages.receive('t', id, { userId: 'bob', state: 'read' });
      await harness.messages.receive('t', id, { userId: 'eve', state: 'read' });
      const receipts = await harness.messages.receipts('t', id);
      expect(receipts.map(({ userId, state }) => `${userId} ${state}`)).toEqual(['bob delivered', 'bob read', 'eve read']);
    });

    test('given many times at once is added once', async () => {
      await harness.messages.persist([messageDraft(1)]);
      const given = await Promise.all(Array.from({ length: 8 }, () => harness.messages.receive('t', id, { userId: 'bob', state: 'read' })));
      expect(given.filter((one) => one?.added === true)).toHaveLength(1);
      expect(await harness.messages.receipts('t', id)).toHaveLength(1);
    });

    test('needs a message of the same tenant', async () => {
      await harness.messages.persist([messageDraft(1)]);
      expect(await harness.messages.receive('u', id, { userId: 'bob', state: 'read' })).toBeNull();
      expect(await harness.messages.receive('t', 'nobody', { userId: 'bob', state: 'read' })).toBeNull();
      expect(await harness.messages.receipts('u', id)).toEqual([]);
    });
  });

  test('A payload stays until it is removed, and is one however often it is put', async () => {
    await harness.payloads.put('a', 'x'.repeat(200_000));
    await harness.payloads.put('a', 'x'.repeat(200_000));
    await harness.payloads.put('b', 'é');
    const found = await harness.payloads.get(['a', 'b', 'c']);
    expect([...found.keys()].sort()).toEqual(['a', 'b']);
    expect(found.get('b')).toBe('é');
    await harness.payloads.remove(['a', 'c']);
    expect([...(await harness.payloads.get(['a', 'b', 'c'])).keys()]).toEqual(['b']);
  });
}
