import { describe, expect, it } from '@jest/globals';
import type { DeadEntry } from '../../../src/ports/stream.js';
import { discardingContent } from '../../../src/workloads/messages/leftovers.js';
import { entryOf, inMemory } from './in-memory.js';

/** A desk with dead letters of messages that are too large for the log. */
async function deskWith(ids: readonly number[], waits = false) {
  const { payloads, blobs } = inMemory();
  const letters: DeadEntry[] = [];
  for (const [n, id] of ids.entries()) {
    const entry = await entryOf(id, { content: 'x'.repeat(200) }, blobs, 100);
    const failure = { code: 'conflicting-payload', message: '' };
    letters.push({ ...entry, order: `order ${n}`, place: `place ${n}`, failure, deadAt: 1 });
  }
  const desk = {
    dead: async () => letters,
    get: async (tenant: string, id: string) => letters.find((one) => one.tenant === tenant && one.id === id) ?? null,
    redrive: async () => false,
    async discard(tenant: string, id: string) {
      const at = letters.findIndex((one) => one.tenant === tenant && one.id === id);
      return at >= 0 && letters.splice(at, 1).length === 1;
    },
  };
  return { desk: discardingContent(desk, { waits: async () => waits }, blobs), letters, payloads };
}

describe('Discarding a dead letter', () => {
  it('takes its content away with it, and leaves that of others', async () => {
    const { desk, letters, payloads } = await deskWith([1, 2]);
    expect(payloads.size).toBe(2);
    expect(await desk.discard('t', letters[0]?.id ?? '')).toBe(true);
    expect(payloads.size).toBe(1);
    expect(letters).toHaveLength(1);
    expect(letters[0]?.body).toContain([...payloads.keys()][0]);
  });

  it('leaves content that another dead letter of the same message needs, until that is discarded too', async () => {
    const { desk, letters, payloads } = await deskWith([1, 1]);
    const id = letters[0]?.id ?? '';
    expect(await desk.discard('t', id)).toBe(true);
    expect(payloads.size).toBe(1);
    expect(await desk.discard('t', id)).toBe(true);
    expect(payloads.size).toBe(0);
    expect(await desk.discard('t', id)).toBe(false);
  });

  it('leaves it where something of the conversation waits', async () => {
    const { desk, letters, payloads } = await deskWith([1], true);
    expect(await desk.discard('t', letters[0]?.id ?? '')).toBe(true);
    expect(payloads.size).toBe(1);
  });
});
