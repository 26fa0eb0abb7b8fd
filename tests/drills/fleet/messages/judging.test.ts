import { describe, expect, test } from '@jest/globals';
import { auditOf, type Stored } from '../../../../load-test/messages/audit.js';
import { check } from '../../../../tools/ledger/check.js';
import { type Repeat, unlikeTheFirst } from '../drills/stream-cache-flush.js';
import { expectedDead, notAsExpected } from '../drills/stream-poison.js';
import { unnoticed, type ZombieCycle } from '../drills/stream-zombie.js';
import type { Offered } from '../load.js';
import { type Dead, evidenceOf, type MessageWitnesses, sentOf, storedLate } from './evidence.js';
import { message } from './load.js';
import type { Row } from './servers.js';
import { isShared, type StreamStatus } from './stream.js';
import { wrongWith } from './work.js';

/** The n-th of one conversation, and what became of it. */
function offered(n: number, change: Partial<Offered> = {}): Offered {
  const { key, body } = message(n, 'run', { conversations: 1 });
  // All within one millisecond: their order is known by their sender, not by the clock.
  return { key, body, offeredAt: 1_000, acceptedAt: 1_000, recordId: `id-${n}`, ...change };
}

function stored(n: number, change: Partial<Stored> = {}): Stored {
  const at = { acceptedAt: new Date(1_000).toISOString(), persistedAt: new Date(2_000 + n).toISOString() };
  return {
    messageId: `id-${n}`,
    clientMessageId: `run-m${n}`,
    content: `Message ${n} of conversation 0`,
    order: `00${n}`,
    ...at,
    ...change,
  };
}

function row(n: number): Row {
  return { id: `id-${n}`, conversationId: 'run-0', clientMessageId: `run-m${n}`, persistedAt: 2_000 + n };
}

const NUMBERS = [0, 1, 2, 3];
const DEAD: Dead = { recordId: 'id-2', recipient: 'run-0', failure: { code: 'handler_failed' } };

/** What the judge says of four messages of which everything is well but for what is named. */
function verdict(change: Partial<Omit<MessageWitnesses, 'histories'>> & { readonly history?: readonly Stored[] }): readonly string[] {
  const offers = change.offers ?? NUMBERS.map((n) => offered(n));
  const expected = [{ channel: 'stream', recipient: 'run-0' }];
  const answers = offers.map(({ key, recordId }) => ({ tenant: 'default', key, status: 202, recordId, at: 1_000, expected }));
  const histories = new Map([['run-0', change.history ?? NUMBERS.map((n) => stored(n))]]);
  const rows = change.rows ?? NUMBERS.map((n) => row(n));
  const witnesses = { offers, answers: change.answers ?? answers, histories, dead: change.dead ?? [], rows };
  const { violations } = check(evidenceOf(witnesses));
  const audit = auditOf(sentOf(offers), histories);
  return [...violations.map(({ kind }) => kind), ...wrongWith({ audit, dead: witnesses.dead, offers })];
}

const without = <T>(all: readonly T[], at: number): readonly T[] => all.filter((_, n) => n !== at);
const all = NUMBERS.map((n) => stored(n));

describe('The judge of messages', () => {
  test('finds nothing wrong where each is there once and in order', () => {
    expect(verdict({})).toEqual([]);
  });

  test('finds one that was answered and is nowhere', () => {
    expect(verdict({ history: without(all, 2), rows: without(NUMBERS.map(row), 2) })).toEqual([
      'LOST',
      'run-m2 was answered and is in no history',
    ]);
  });

  test('finds one that a history shows and the store has not, and the other way round', () => {
    expect(verdict({ rows: without(NUMBERS.map(row), 2) })).toEqual(['DISHONEST']);
    expect(verdict({ history: without(all, 2) })).toEqual(['LOST', 'GHOST', 'run-m2 was answered and is in no history']);
  });

  test('finds one that is there twice', () => {
    const rows = [...NUMBERS.map(row), row(2)];
    expect(verdict({ rows })).toEqual(['DUP']);
    const twice = [...all, stored(2, { order: '009' })];
    expect(verdict({ rows, history: twice })).toEqual(
      expect.arrayContaining(['DUP', 'run-m2 is there twice, or under another id than was answered']),
    );
  });

  test('finds two that stand in another order than they were sent, be it in the same millisecond', () => {
    const swapped = [stored(0), stored(2, { order: '001' }), stored(1, { order: '002' }), stored(3)];
    expect(verdict({ history: swapped })).toEqual(['id-1 stands behind one that was sent when it had been answered']);
  });

  test('finds one key under which two ids were answered', () => {
    const again = { tenant: 'default', key: 'run-m2', status: 200, at: 1_100, expected: [] };
    const answers = NUMBERS.map((n) => ({ ...again, key: `run-m${n}`, recordId: `id-${n}` }));
    expect(verdict({ answers: [...answers, { ...again, recordId: 'id-3' }] })).toEqual(['DISHONEST']);
  });

  test('finds a dead letter that is left, once, and not also lost', () => {
    const rows = without(NUMBERS.map(row), 2);
    expect(verdict({ history: without(all, 2), rows, dead: [DEAD] })).toEqual(['id-2 is a dead letter in the end']);
    expect(verdict({ dead: [DEAD] })).toEqual(expect.arrayContaining(['DISHONEST']));
  });

  test('finds what was stored after one that stands behind it', () => {
    const late = stored(1, { persistedAt: new Date(9_000).toISOString() });
    expect(storedLate(new Map([['run-0', [stored(0), late, stored(2)]]]))).toEqual([
      'id-1 was stored 6998 ms after one that stands behind it',
    ]);
    expect(storedLate(new Map([['run-0', all]]))).toEqual([]);
  });
});

describe('The judges of single drills of messages', () => {
  const cycle: ZombieCycle = { worker: 'worker-1', from: 0, held: 4, taken: 4, refused: 1, lost: 4 };

  test('find a zombie that did not notice, and a drill without any', () => {
    expect(unnoticed([cycle])).toEqual([]);
    expect(unnoticed([cycle, { ...cycle, refused: 0, lost: 0 }])).toEqual([expect.stringContaining('worker-1 did not notice')]);
    expect(unnoticed([{ ...cycle, taken: 0, refused: 0 }])).toEqual([expect.stringContaining('has shown nothing')]);
  });

  test('find a repeat that was told another id, and a cache that forgot nothing', () => {
    const repeat = (messageId: string, idempotentHit: boolean): Repeat => ({ key: 'k', first: 'id-1', now: { messageId, idempotentHit } });
    expect(unlikeTheFirst([repeat('id-1', false), repeat('id-1', true)])).toEqual([]);
    expect(unlikeTheFirst([repeat('id-9', false), repeat('id-1', true)])).toEqual(['k was told id-1 at first, and id-9 now']);
    expect(unlikeTheFirst([repeat('id-1', true)])).toEqual([expect.stringContaining('nothing was forgotten')]);
    expect(unlikeTheFirst([repeat('id-1', false)])).toEqual([expect.stringContaining('not even the second')]);
  });

  test('know who is a dead letter under either policy, and find the others', () => {
    const poisoned = (n: number): Offered => {
      const { key, body } = message(n, 'run', { conversations: 2, text: ' poison-throws' });
      return { key, body, offeredAt: 0, acceptedAt: 0, recordId: `id-${n}` };
    };
    const offers = [offered(0), poisoned(1), poisoned(2), poisoned(3)];
    expect([...expectedDead(offers, 'continue')]).toEqual(['id-1', 'id-2', 'id-3']);
    expect([...expectedDead(offers, 'hold')]).toEqual(['id-1', 'id-2']);
    expect(notAsExpected([{ recordId: 'id-1' }, { recordId: 'id-0' }], new Set(['id-1', 'id-2']))).toHaveLength(2);
    expect(notAsExpected([{ recordId: 'id-1' }], new Set(['id-1']))).toEqual([]);
  });

  test('know when partitions are shared', () => {
    const status = (...owners: readonly (string | null)[]): StreamStatus => ({
      epoch: 1,
      partitions: owners.length,
      moving: null,
      depth: owners.map((owner, partition) => ({ partition, owner, fence: 1, lag: 0, pending: 0, parked: 0, oldestMs: 0 })),
    });
    expect(isShared(status('a', 'b', 'a'), ['a', 'b'])).toBe(true);
    expect(isShared(status('a', 'a', 'a', 'b'), ['a', 'b'])).toBe(false);
    expect(isShared(status('a', null), ['a', 'b'])).toBe(false);
    expect(isShared(status('a', 'c'), ['a'])).toBe(false);
    expect(isShared(null, [])).toBe(false);
  });
});
