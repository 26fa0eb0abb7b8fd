import { describe, expect, it } from '@jest/globals';
import type { EntryOutcome } from '../../src/pipeline/stream-handler.js';
import { settlementOf } from '../../src/pipeline/stream-settlement.js';
import type { StreamEntry } from '../../src/ports/stream.js';

const FAILURE = { code: 'refused', message: 'No.' };
const DONE: EntryOutcome = { kind: 'done' };
const RETRY: EntryOutcome = { kind: 'retry', failure: FAILURE };
const DEAD: EntryOutcome = { kind: 'dead', failure: FAILURE };
const SETTINGS = { maxRetries: 2, backoffMs: 1000, backoffMaxMs: 60_000, afterDeath: 'continue' } as const;
const half = { next: () => 0.5 };

/** `a1`: the first of key `a`. */
function entry(id: string, attempts = 0): StreamEntry {
  const of = { tenant: 't', key: id.slice(0, 1), id, fingerprint: id, body: '{}' };
  return { ...of, entry: `entry-${id}`, partition: 0, order: id, appendedAt: 0, deliveries: 1, attempts };
}

function settle(
  outcomes: Readonly<Record<string, EntryOutcome>>,
  settings: Partial<{ afterDeath: 'continue' | 'hold' }> = {},
  attempts = 0,
) {
  const entries = Object.keys(outcomes).map((id) => entry(id, attempts));
  return settlementOf(entries, Object.values(outcomes), { ...SETTINGS, ...settings }, half);
}

describe('What becomes of a batch', () => {
  it('is settled where everything is done', () => {
    expect(settle({ a1: DONE, b1: DONE })).toEqual({
      settlement: { done: ['entry-a1', 'entry-b1'], parked: [] },
      dead: [],
      retried: 0,
    });
  });

  it('parks the key of what failed with everything behind it, whatever that says, and nobody else', () => {
    const { settlement, retried } = settle({ a1: RETRY, b1: DONE, a2: DONE, a3: DEAD });
    expect(retried).toBe(1);
    expect(settlement.done).toEqual(['entry-b1']);
    expect(settlement.parked).toEqual([
      { tenant: 't', key: 'a', entries: ['entry-a1', 'entry-a2', 'entry-a3'], attempts: 1, afterMs: 500, failure: FAILURE },
    ]);
  });

  it('waits longer with every attempt, and gives up after the last retry', () => {
    expect(settle({ a1: RETRY }, {}, 1).settlement.parked).toMatchObject([{ attempts: 2, afterMs: 1000 }]);
    const { settlement, dead } = settle({ a1: RETRY }, {}, 2);
    expect(dead).toMatchObject([{ entry: { id: 'a1', attempts: 3 }, failure: FAILURE }]);
    expect(settlement).toEqual({ done: ['entry-a1'], parked: [] });
  });

  it('goes on behind a dead one: with what was done, and at once with what was left alone because of it', () => {
    const { settlement, dead } = settle({ a1: DEAD, a2: DONE, a3: RETRY, a4: RETRY });
    expect(dead.map(({ entry: { id } }) => id)).toEqual(['a1']);
    expect(settlement.done).toEqual(['entry-a1', 'entry-a2']);
    expect(settlement.parked).toMatchObject([{ entries: ['entry-a3', 'entry-a4'], attempts: 0, afterMs: 0 }]);
  });

  it('holds a key behind a dead one where that is the policy, also with nothing behind it', () => {
    expect(settle({ a1: DEAD, a2: DONE, b1: DEAD }, { afterDeath: 'hold' }).settlement.parked).toMatchObject([
      { key: 'a', entries: ['entry-a2'], attempts: 0, afterMs: null },
      { key: 'b', entries: [], afterMs: null },
    ]);
  });

  it('tries again what the handler forgot', () => {
    const { settlement } = settlementOf([entry('a1')], [], SETTINGS, half);
    expect(settlement.parked).toMatchObject([{ entries: ['entry-a1'], failure: { code: 'no_outcome' } }]);
  });
});
