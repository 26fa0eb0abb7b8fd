import { describe, expect, it } from '@jest/globals';
import type { Message, UnplacedMessage } from '../../../src/ports/messages.js';
import type { Appended, DeadEntry, StreamDraft } from '../../../src/ports/stream.js';
import { createAcceptMessage, isQueued } from '../../../src/workloads/messages/accept.js';
import { identityFor } from '../../../src/workloads/messages/envelope.js';
import { clock, submission } from './in-memory.js';

function accepting(
  change: {
    readonly queuedPercent?: number;
    readonly waits?: boolean;
    readonly inlineBytes?: number;
    readonly outcome?: Appended['outcome'];
    readonly stored?: string;
    readonly dead?: DeadEntry;
  } = {},
) {
  const appended: StreamDraft[] = [];
  const placed: UnplacedMessage[] = [];
  const put: string[] = [];
  const removed: string[] = [];
  const accept = createAcceptMessage({
    log: {
      async append(drafts) {
        // The log must find the content there.
        expect(put).toHaveLength(drafts[0]?.body.includes('payloadKey') === true ? 1 : 0);
        appended.push(...drafts);
        return drafts.map(() => ({ outcome: change.outcome ?? 'created', partition: 0, order: '1', appendedAt: 7_000 }));
      },
      waits: async () => change.waits ?? false,
    },
    desk: { get: async () => change.dead ?? null },
    messages: {
      async place(message) {
        placed.push(message);
        return { outcome: 'duplicate', message: { ...message, acceptedAt: 1_000, order: '1', persistedAt: 1 } };
      },
      get: async () => (change.stored === undefined ? null : ({ fingerprint: change.stored } as Message)),
    },
    payloads: {
      async put(name) {
        put.push(name);
      },
      async remove(names) {
        removed.push(...names);
      },
    },
    clock,
    ids: { next: () => 'new-id' },
    watch: () => undefined,
    arrived: () => undefined,
    queuedPercent: change.queuedPercent ?? 100,
    inlineBytes: change.inlineBytes ?? 1_000,
  });
  return { accept, appended, placed, put, removed };
}

async function fingerprintOf(content: string): Promise<StreamDraft | undefined> {
  const { accept, appended } = accepting({ inlineBytes: 100 });
  await accept(submission({ content }));
  return appended[0];
}

describe('Accepting a message', () => {
  it('derives its id from tenant, sender, conversation and the client’s key, which do not run into each other', () => {
    const key = { tenant: 't', senderId: 'ada', conversationId: 'chat', key: 'c-1' };
    const { id, idempotencyKey } = identityFor(key);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(identityFor(key)).toEqual({ id, idempotencyKey });
    const others = [
      { tenant: 'u' },
      { senderId: 'bob' },
      { conversationId: 'x' },
      { key: 'c-2' },
      { senderId: 'adac', conversationId: 'hat' },
    ];
    expect(new Set([id, ...others.map((change) => identityFor({ ...key, ...change }).id)]).size).toBe(others.length + 1);
  });

  it('takes two without a key for two', async () => {
    const { accept } = accepting();
    expect(await accept(submission({ key: null, clientMessageId: null }))).toMatchObject({ messageId: 'new-id', outcome: 'created' });
  });

  it('says when the log had it', async () => {
    const { accept } = accepting();
    expect(await accept(submission())).toEqual({ outcome: 'created', messageId: expect.any(String), acceptedAt: 7_000, state: 'pending' });
  });

  it('puts content away that is too large for the log, by its bytes', async () => {
    const { accept, appended, put } = accepting({ inlineBytes: 100 });
    await accept(submission({ content: 'é'.repeat(50) }));
    expect(put).toEqual([]);
    await accept(submission({ content: 'é'.repeat(51) }));
    expect(put).toHaveLength(1);
    expect(appended[1]?.body).toContain(put[0]);
  });

  it('takes the content of a repeat away again when the first one is stored, and leaves it to the first one else', async () => {
    const content = 'x'.repeat(101);
    const { fingerprint } = (await fingerprintOf(content)) ?? { fingerprint: '' };
    const stored = accepting({ inlineBytes: 100, outcome: 'repeat', stored: fingerprint });
    await stored.accept(submission({ content }));
    expect(stored.removed).toEqual(stored.put);
    expect(stored.removed).toHaveLength(1);
    const waiting = accepting({ inlineBytes: 100, outcome: 'repeat' });
    await waiting.accept(submission({ content }));
    expect(waiting.removed).toEqual([]);
    const first = accepting({ inlineBytes: 100, stored: fingerprint });
    await first.accept(submission({ content }));
    expect(first.removed).toEqual([]);
  });

  it('takes the content of a conflict away again, but never where something that waits or is dead may need it', async () => {
    const content = 'x'.repeat(101);
    const conflicting = async (change: Parameters<typeof accepting>[0]) => {
      const { accept, put, removed } = accepting({ inlineBytes: 100, outcome: 'conflict', ...change });
      expect((await accept(submission({ content }))).outcome).toBe('conflict');
      expect(put).toHaveLength(1);
      return { put, removed };
    };
    const { put, removed } = await conflicting({});
    expect(removed).toEqual(put);
    expect((await conflicting({ waits: true })).removed).toEqual([]);
    expect((await conflicting({ dead: {} as DeadEntry })).removed).toEqual([]);
  });

  it('stores directly what is not queued, and gives the first where it is a repeat', async () => {
    const { accept, appended, placed } = accepting({ queuedPercent: 0 });
    expect(await accept(submission())).toMatchObject({ outcome: 'repeat', acceptedAt: 1_000, state: 'persisted' });
    expect([appended.length, placed.length]).toEqual([0, 1]);
  });

  it('goes through the log all the same where something of the conversation waits there', async () => {
    const { accept, appended, placed } = accepting({ queuedPercent: 0, waits: true });
    expect(await accept(submission())).toMatchObject({ outcome: 'created', state: 'pending' });
    expect([appended.length, placed.length]).toEqual([1, 0]);
  });

  it('queues about the wanted share of conversations, always the same ones, and never fewer when it rises', () => {
    const conversations = Array.from({ length: 5_000 }, (_, n) => ({ tenant: 't', conversationId: `room-${n}` }));
    let before = new Set<string>();
    for (const percent of [0, 10, 50, 100]) {
      const queued = conversations.filter((one) => isQueued(one, percent)).map(({ conversationId }) => conversationId);
      expect(Math.abs(queued.length - percent * 50)).toBeLessThan(150);
      expect(conversations.filter((one) => isQueued(one, percent))).toHaveLength(queued.length);
      for (const one of before) expect(queued).toContain(one);
      before = new Set(queued);
    }
  });
});
