import { describe, expect, it } from '@jest/globals';
import { check } from '../../tools/ledger/check.js';
import type { Answer, Evidence, Kept, KeptEntry, Seen, SeenClass } from '../../tools/ledger/entry.js';
import { table } from '../../tools/ledger/table.js';

const OPERATION = 'operation-1';

function answer(change: Partial<Answer> = {}): Answer {
  return {
    tenant: 'a',
    key: 'key-1',
    status: 202,
    recordId: 'record-1',
    at: 1,
    expected: [{ channel: 'webhook', recipient: 'someone', operationId: OPERATION }],
    ...change,
  };
}

function effect(effectClass: SeenClass = 'idempotent', change: Partial<Seen> = {}): Seen {
  return {
    kind: 'effect',
    operationId: OPERATION,
    effectClass,
    at: 5,
    recordId: 'record-1',
    channel: 'webhook',
    recipient: 'someone',
    ...change,
  };
}

const intent = (attempt = 1): KeptEntry => ({ operationId: OPERATION, attempt, kind: 'intent', provider: 'p' });
const outcome = (result: string, attempt = 1, provider = 'p'): KeptEntry => ({
  operationId: OPERATION,
  attempt,
  kind: 'outcome',
  provider,
  result,
});

function record(status: string, ledger: readonly KeptEntry[], change: Partial<Kept> = {}): Kept {
  const delivery = { id: 'd', channel: 'webhook', recipient: 'someone', operationId: OPERATION, status, generation: 1, attempts: 1 };
  return { tenant: 'a', id: 'record-1', status, deliveries: [delivery], ledger, ...change };
}

const delivered = record('delivered', [intent(), outcome('delivered')]);

function kinds(evidence: Partial<Evidence>): string[] {
  return check({ answers: [answer()], seen: [effect()], kept: [delivered], ...evidence }).violations.map(({ kind }) => kind);
}

describe('the ledger checker', () => {
  it('finds nothing wrong where all three witnesses agree', () => {
    expect(kinds({})).toEqual([]);
  });

  it('finds LOST: answered 2xx and not in the store', () => {
    expect(kinds({ kept: [], seen: [] })).toEqual(['LOST']);
  });

  it('finds LOST: an expected delivery that the stored record does not have', () => {
    const two = answer({ expected: [...answer().expected, { channel: 'email', recipient: 'someone' }] });
    expect(kinds({ answers: [two] })).toEqual(['LOST']);
  });

  it('finds LOST, and the balance broken: a delivery in no known state', () => {
    expect(kinds({ seen: [], kept: [record('vanished', [])] })).toEqual(['LOST', 'BALANCE']);
  });

  it('takes a 5xx or no answer for no promise', () => {
    const unanswered = [answer({ status: 503, recordId: null }), answer({ status: 0, recordId: null })];
    expect(kinds({ answers: unanswered, kept: [], seen: [] })).toEqual([]);
    expect(check({ answers: unanswered, seen: [effect()], kept: [delivered] }).balance).toMatchObject({
      answeredRecords: 0,
      unansweredRecords: 1,
    });
  });

  it.each(['neither', 'queryable'] as const)('finds DUP: two effects at a receiver of class %s', (effectClass) => {
    expect(kinds({ seen: [effect(effectClass), effect(effectClass, { at: 6 })] })).toEqual(['DUP']);
  });

  it('counts raw repeats at an idempotent receiver as absorbed, and shows them', () => {
    const report = check({ answers: [answer()], seen: [effect(), effect(), effect()], kept: [delivered] });
    expect(report.violations).toEqual([]);
    expect(report.balance).toMatchObject({ effects: 1, absorbed: 2 });
    expect(table(report)).toMatch(/absorbed by receivers\s+2/);
  });

  it('finds DUP: an idempotent receiver whose own log says that it did not absorb the repeat', () => {
    const seen = [effect('idempotent', { absorbed: false }), effect('idempotent', { absorbed: false })];
    expect(kinds({ seen })).toEqual(['DUP']);
  });

  it('finds DUP: a second operation id for one effect, which no receiver can absorb', () => {
    const other = { ...intent(2), operationId: 'operation-2' };
    const kept = [record('delivered', [...delivered.ledger, other])];
    expect(kinds({ kept, seen: [effect(), effect('idempotent', { operationId: 'operation-2' })] })).toEqual(['DUP']);
  });

  it('excuses the one effect that a queryable receiver’s `not-done` was too early for, and counts it', () => {
    const seen = [effect('queryable', { kind: 'not-done' }), effect('queryable'), effect('queryable')];
    const report = check({ answers: [answer()], seen, kept: [delivered] });
    expect(report.violations).toEqual([]);
    expect(report.balance.overtaken).toBe(1);
    expect(kinds({ seen: [...seen, effect('queryable')] })).toEqual(['DUP']);
  });

  it('excuses no effect by a `not-done` that came after the first effect', () => {
    expect(kinds({ seen: [effect('queryable'), effect('queryable', { kind: 'not-done' }), effect('queryable')] })).toEqual(['DUP']);
  });

  it('allows one more effect at a `neither` receiver where a person sent it again', () => {
    const kept = [
      record('delivered', [intent(), outcome('unknown'), outcome('resolved', 1, 'person'), intent(2), outcome('delivered', 2)]),
    ];
    expect(kinds({ kept, seen: [effect('neither'), effect('neither')] })).toEqual([]);
    expect(kinds({ kept, seen: [effect('neither'), effect('neither'), effect('neither')] })).toEqual(['DUP']);
  });

  it('finds GHOST: an effect that no stored delivery stands for', () => {
    const ghost = effect('idempotent', { operationId: 'operation-9', recordId: 'record-9' });
    expect(kinds({ seen: [effect(), ghost] })).toEqual(['GHOST']);
  });

  it('finds GHOST: an effect of which no intent was stored', () => {
    expect(kinds({ kept: [record('delivered', [outcome('delivered')])] })).toEqual(['GHOST']);
  });

  it.each(['queued', 'scheduled', 'deferred', 'processing'])('finds STUCK: still %s at rest', (status) => {
    expect(kinds({ seen: [], kept: [record(status, [])] })).toEqual(['STUCK']);
  });

  it('finds DISHONEST: delivered, and no receiver saw an effect', () => {
    expect(kinds({ seen: [] })).toEqual(['DISHONEST']);
  });

  it('takes `delivered` by a person or by an open assumption for what it says it is', () => {
    expect(kinds({ seen: [], kept: [record('delivered', [intent(), outcome('unknown')])] })).toEqual([]);
    expect(kinds({ seen: [], kept: [record('delivered', [intent(), outcome('unknown'), outcome('delivered', 1, 'person')])] })).toEqual([]);
  });

  it.each(['dead', 'cancelled', 'expired', 'skipped'])('finds DISHONEST: %s with an effect after known negative outcomes', (status) => {
    expect(kinds({ kept: [record(status, [intent(), outcome('retry')])] })).toEqual(['DISHONEST']);
  });

  it.each(['dead', 'cancelled', 'expired', 'skipped'])('counts %s with an effect as uncertain where an attempt is unknown', (status) => {
    const kept = [record(status, [intent(), outcome('unknown')])];
    expect(kinds({ kept })).toEqual([]);
    expect(check({ answers: [], seen: [effect()], kept }).balance.uncertain).toBe(1);
  });

  it('finds DISHONEST: one key answered with two records', () => {
    const second = { ...delivered, id: 'record-2', deliveries: [], ledger: [] };
    const answers = [answer(), answer({ status: 200, recordId: 'record-2', expected: [] })];
    expect(kinds({ answers, kept: [delivered, second] })).toEqual(['DISHONEST']);
  });

  it('finds DISHONEST: a 2xx without an id, and an operation id that changed since the answer', () => {
    expect(kinds({ answers: [answer({ recordId: null })] })).toEqual(['DISHONEST']);
    expect(kinds({ answers: [answer({ expected: [{ channel: 'webhook', recipient: 'someone', operationId: 'other' }] })] })).toEqual([
      'DISHONEST',
    ]);
  });

  it('finds UNLISTED: held, and nothing in its ledger is unknown', () => {
    expect(kinds({ seen: [], kept: [record('held', [intent(), outcome('retry')])] })).toEqual(['UNLISTED']);
    expect(kinds({ seen: [], kept: [record('held', [intent()])] })).toEqual([]);
    expect(kinds({ kept: [record('held', [intent(), outcome('unknown')])] })).toEqual([]);
  });

  describe('of a redriven delivery', () => {
    const second = 'operation-2';
    const redriven = (before: readonly KeptEntry[]): Kept => {
      const later = [intent(), outcome('delivered')].map((entry) => ({ ...entry, operationId: second }));
      const kept = record('delivered', [...before, ...later]);
      return { ...kept, deliveries: kept.deliveries.map((delivery) => ({ ...delivery, operationId: second, generation: 2 })) };
    };
    const effects = (...ids: readonly string[]): readonly Seen[] => ids.map((operationId) => effect('idempotent', { operationId }));
    const refused = [intent(), outcome('dead')];

    it('finds nothing wrong where the generation before is known to have failed', () => {
      expect(kinds({ kept: [redriven(refused)], seen: effects(second) })).toEqual([]);
    });

    it('finds DISHONEST: a new generation although nobody knows what became of the one before', () => {
      expect(kinds({ kept: [redriven([intent(), outcome('unknown')])], seen: effects(second) })).toEqual(['DISHONEST']);
      expect(kinds({ kept: [redriven([intent()])], seen: effects(second) })).toEqual(['DISHONEST']);
    });

    it('finds DISHONEST: a new generation after an effect of the one before', () => {
      expect(kinds({ kept: [redriven(refused)], seen: effects(OPERATION, second) })).toEqual(['DISHONEST']);
    });
  });
});
