import { describe, expect, it } from '@jest/globals';
import { SignalboxError } from '../../../src/errors.js';
import type { ConversationKey } from '../../../src/ports/messages.js';
import type { StreamEntry } from '../../../src/ports/stream.js';
import type { Fact } from '../../../src/ports/watch.js';
import { persistHandler } from '../../../src/workloads/messages/persist.js';
import { clock, entryOf, inMemory } from './in-memory.js';

const GOES_ON = new AbortController().signal;

function handler(kept = inMemory()) {
  const facts: Fact[] = [];
  const told: ConversationKey[] = [];
  const handle = persistHandler({
    messages: kept.store,
    payloads: kept.blobs,
    clock,
    watch: (fact) => void facts.push(fact),
    arrived: (conversations) => void told.push(...conversations),
  });
  const results = () =>
    facts.flatMap((fact) => (fact.kind === 'messages-handled' ? fact.handled.map(({ result, code }) => code ?? result) : []));
  return { ...kept, handle, facts, told, results };
}

describe('Storing what the log of messages hands out', () => {
  it('stores a batch in one write, each with its place and the time at which the log had it', async () => {
    const { handle, messages, persisted, told, results } = handler();
    const entries = [await entryOf(1), await entryOf(2, { conversationId: 'other' }), await entryOf(3)];
    expect(await handle(entries, GOES_ON)).toEqual([{ kind: 'done' }, { kind: 'done' }, { kind: 'done' }]);
    expect(persisted).toHaveLength(1);
    const [first] = entries as [StreamEntry];
    expect(messages.get(first.id)).toMatchObject({ conversationId: 'chat', content: 'Hello', order: first.order, acceptedAt: 1_001 });
    expect(told).toEqual([
      { tenant: 't', conversationId: 'chat' },
      { tenant: 't', conversationId: 'other' },
    ]);
    expect(results()).toEqual(['success', 'success', 'success']);
  });

  it('takes what is there already for done, and tells nobody of it', async () => {
    const { handle, told, results } = handler();
    const entry = await entryOf(1);
    await handle([entry], GOES_ON);
    told.length = 0;
    expect(await handle([{ ...entry, deliveries: 2 }], GOES_ON)).toEqual([{ kind: 'done' }]);
    expect(told).toEqual([]);
    expect(results()).toEqual(['success', 'duplicate']);
  });

  it('gives up another message under a key that is taken, and stores its neighbours', async () => {
    const { handle, results } = handler();
    await handle([await entryOf(1)], GOES_ON);
    const other = await entryOf(1, { content: 'Something else' });
    const outcomes = await handle([other, await entryOf(2)], GOES_ON);
    expect(outcomes).toMatchObject([{ kind: 'dead', failure: { code: 'conflicting-payload' } }, { kind: 'done' }]);
    expect(results()).toEqual(['success', 'conflicting-payload', 'success']);
  });

  it('gives up what is no message, and leaves what comes behind it in its conversation for later', async () => {
    const { handle, messages, results } = handler();
    const entries = [{ ...(await entryOf(1)), body: '{"half":' }, await entryOf(2), await entryOf(3, { conversationId: 'other' })];
    const outcomes = await handle(entries, GOES_ON);
    expect(outcomes).toMatchObject([{ kind: 'dead', failure: { code: 'unreadable' } }, { kind: 'retry' }, { kind: 'done' }]);
    expect([...messages.values()].map(({ conversationId }) => conversationId)).toEqual(['other']);
    expect(results()).toEqual(['unreadable', 'success']);
  });

  it('fetches content that was put away, and removes it once it is stored with its message', async () => {
    const { handle, messages, payloads, blobs } = handler();
    const content = 'x'.repeat(2_000);
    const entry = await entryOf(1, { content }, blobs);
    expect(entry.body).not.toContain(content);
    expect(payloads.size).toBe(1);
    await handle([entry], GOES_ON);
    expect(messages.get(entry.id)?.content).toBe(content);
    expect(payloads.size).toBe(0);
    // Its owner died before it could settle it.
    expect(await handle([entry], GOES_ON)).toEqual([{ kind: 'done' }]);
  });

  it('gives up a message whose content is gone, when it was never stored', async () => {
    const { handle, payloads, blobs } = handler();
    const entry = await entryOf(1, { content: 'x'.repeat(2_000) }, blobs);
    payloads.clear();
    expect(await handle([entry], GOES_ON)).toMatchObject([{ kind: 'dead', failure: { code: 'payload-missing' } }]);
  });

  it('rejects when the store does not answer, and counts each of them as an error', async () => {
    const kept = inMemory();
    const { handle, results } = handler({
      ...kept,
      store: { ...kept.store, persist: () => Promise.reject(new SignalboxError('store-unavailable', 'away')) },
    });
    await expect(handle([await entryOf(1), await entryOf(2)], GOES_ON)).rejects.toMatchObject({ code: 'store-unavailable' });
    expect(results()).toEqual(['store-unavailable', 'store-unavailable']);
  });

  it('stores nothing once the partition is lost, and says nothing of it', async () => {
    const { handle, persisted, facts } = handler();
    await expect(handle([await entryOf(1)], AbortSignal.abort())).rejects.toThrow();
    expect(persisted).toEqual([]);
    expect(facts).toEqual([]);
  });
});
