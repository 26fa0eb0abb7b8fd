import { describe, expect, test } from '@jest/globals';
import { type Amend, createAmend } from '../../src/pipeline/amend.js';
import { operationIdOf } from '../../src/pipeline/envelope.js';
import { judge } from '../../src/pipeline/outcome.js';
import type { PipelineSettings } from '../../src/pipeline/settings.js';
import type { Delivery, LedgerEntry, WorkRecord } from '../../src/ports/record.js';
import { makeEmbedded } from '../adapters/embedded-harness.js';
import { deliveryIn, leaseOn, restOf } from '../contracts/drafts.js';
import { StoreTester } from '../contracts/harness.js';

const HOUR_MS = 3_600_000;
const ACTOR = 'ada';

describe('a dead letter', () => {
  const t = new StoreTester(makeEmbedded);

  /** By a process whose clock is an hour ahead of the store's. */
  const amend = (): Amend =>
    createAmend({
      store: t.store,
      reader: t.reader,
      clock: { now: () => t.now() + HOUR_MS, monotonic: () => 0 },
      relay: { offer: () => undefined } as never,
    });

  /** Dies after attempts that ended so; null: the intent was never answered for. */
  async function die(results: readonly (LedgerEntry['result'] | null)[], record?: WorkRecord): Promise<WorkRecord> {
    const held = await t.claim(record ?? (await t.accept('a')));
    const { operationId, id } = deliveryIn(held);
    const line = { operationId, deliveryId: id, at: t.now(), worker: 'w', token: held.lockToken, provider: 'relay' };
    const first = deliveryIn(held).attempts;
    const ledger = results.flatMap((result, index): LedgerEntry[] => {
      const entry = { ...line, attempt: first + index + 1 };
      const intent: LedgerEntry = { ...entry, kind: 'intent' };
      return result === null ? [intent] : [intent, { ...entry, kind: 'outcome', ...(result === undefined ? {} : { result }) }];
    });
    const change = restOf(held, 1, t.now(), 'dead');
    const attempts = first + results.length;
    await t.store.commit(leaseOn(held), { ...change, ledger, deliveries: change.deliveries.map((one) => ({ ...one, attempts })) });
    return t.get(held);
  }

  const request = { deliveryId: 'a:email', actor: ACTOR };

  test('gets a new generation where every attempt is known to have had no effect, and keeps who it is', async () => {
    const dead = await die(['retry', 'throttled', 'dead']);
    const { record, changed } = await amend().redrive(dead, { ...request, note: 'the relay is back' });
    expect(changed).toBe(true);
    expect(record.id).toBe(dead.id);
    expect(deliveryIn(record)).toEqual({
      ...deliveryIn(dead),
      status: 'queued',
      reason: 'desk.redriven',
      generation: 2,
      operationId: operationIdOf('t', 'a', 'email', 'someone@example.org', 2),
      attempts: 0,
      throttles: 0,
      forgiven: 0,
      redrives: 1,
      fingerprint: null,
      settledAt: null,
      dueAt: dead.updatedAt,
    });
    const { events, ledger } = await t.reader.history(record);
    expect(events.at(-1)).toMatchObject({
      name: 'redriven',
      rule: 'desk.redrive',
      actor: ACTOR,
      audit: true,
      detail: { generationFrom: 1, generationTo: 2, outcomes: 'refused', note: 'the relay is back', operation: null },
    });
    expect(ledger.filter((entry) => entry.provider === 'person')).toEqual([]);
  });

  test.each([
    ['one outcome is unknown', ['retry', 'unknown', 'dead']],
    ['one attempt has no outcome', ['retry', null]],
    ['a person had resolved it without knowing', ['unknown', 'resolved']],
  ] as const)('keeps its operation id where %s, and its retries begin afresh', async (_why, results) => {
    const dead = await die(results);
    const before = deliveryIn(dead);
    const { record } = await amend().redrive(dead, request);
    expect(deliveryIn(record)).toMatchObject({
      status: 'queued',
      generation: 1,
      operationId: before.operationId,
      attempts: results.length,
      forgiven: results.length,
      redrives: 1,
    });
    const { ledger } = await t.reader.history(record);
    expect(ledger.at(-1)).toMatchObject({ provider: 'person', worker: ACTOR, result: 'resolved', operationId: before.operationId });
  });

  test('that was never attempted keeps its operation id', async () => {
    const { record } = await amend().redrive(await die([]), request);
    expect(deliveryIn(record)).toMatchObject({ generation: 1, attempts: 0, forgiven: 0, redrives: 1 });
    expect((await t.reader.history(record)).ledger).toEqual([]);
  });

  test('has all its retries again after a redrive under the same operation id', async () => {
    const { record } = await amend().redrive(await die(['unknown', 'unknown', 'unknown', 'unknown']), request);
    const failing: Delivery = { ...deliveryIn(record), attempts: 5 };
    const verdict = (attempts: number): string =>
      judge(
        {
          workload: 'notifications',
          delivery: { ...failing, attempts },
          effectClass: 'idempotent',
          policy: 'hold',
          cancelRequested: false,
          now: t.now(),
          settings: { maxRetries: 3, backoffMs: 10, backoffMaxMs: 10 } as PipelineSettings,
          chance: { next: () => 0 },
        },
        { kind: 'unknown', failure: { code: 'timeout', message: 'no answer' } },
      ).delivery.status;
    expect([5, 6, 7, 8].map(verdict)).toEqual(['deferred', 'deferred', 'deferred', 'dead']);
  });

  test('is due at once by the store’s clock, however far ahead the process is that redrives it', async () => {
    const { record } = await amend().redrive(await die(['dead']), request);
    expect(record.dueAt).toBeLessThanOrEqual(t.now());
    expect((await t.claim(record)).id).toBe('a');
  });

  test('is redriven by one operation once, even where it has died again since', async () => {
    const operation = 'operation-1';
    const first = await amend().redrive(await die(['dead']), { ...request, operation });
    const again = await amend().redrive(first.record, { ...request, operation });
    expect([first.changed, again.changed]).toEqual([true, false]);
    const deadAgain = await die(['dead'], first.record);
    expect((await amend().redrive(deadAgain, { ...request, operation })).changed).toBe(false);
    expect(deliveryIn(await t.get(deadAgain))).toMatchObject({ status: 'dead', generation: 2, redrives: 1 });
    const other = await amend().redrive(deadAgain, { ...request, operation: 'operation-2' });
    expect(deliveryIn(other.record)).toMatchObject({ generation: 3, redrives: 2 });
    const { events } = await t.reader.history(other.record);
    expect(events.filter((event) => event.name === 'redriven').map((event) => event.detail?.operation)).toEqual([operation, 'operation-2']);
  });

  test('redriven twice by someone who did not hear the answer is redriven once', async () => {
    const { record } = await amend().redrive(await die(['dead']), request);
    expect((await amend().redrive(record, request)).changed).toBe(false);
    expect(deliveryIn(await t.get(record)).redrives).toBe(1);
  });

  test('overrides an older wish to cancel', async () => {
    const held = await t.claim(await t.accept('a'));
    await t.store.requestCancel(held, { at: t.now(), name: 'cancel-requested', rule: 'x', actor: 'bob', clock: 'worker' });
    await t.store.commit(leaseOn(held), restOf(held, 1, t.now(), 'dead'));
    const { record } = await amend().redrive(held, request);
    expect(record.cancelRequestedAt).toBeNull();
  });

  test('that is open, delivered or unknown is not redriven', async () => {
    const open = await t.accept('a');
    await expect(amend().redrive(open, request)).rejects.toMatchObject({ code: 'conflict', message: 'The delivery is queued, not dead' });
    await expect(amend().redrive(open, { ...request, deliveryId: 'b' })).rejects.toMatchObject({ code: 'not-found' });
    await expect(amend().discard(open, { ...request, reason: 'no' })).rejects.toMatchObject({ code: 'conflict' });
  });

  test('that is discarded rests as cancelled, with its failure and the person’s reason, and asking twice changes nothing', async () => {
    const dead = await die(['dead']);
    const { record, changed } = await amend().discard(dead, { ...request, reason: 'the address was a typing error' });
    expect(changed).toBe(true);
    expect(record).toMatchObject({ status: 'cancelled', dueAt: null });
    expect(deliveryIn(record)).toMatchObject({ status: 'cancelled', reason: 'desk.discarded', failure: { code: 'smtp_550' } });
    const { events } = await t.reader.history(record);
    expect(events.at(-1)).toMatchObject({ name: 'discarded', audit: true, detail: { reason: 'the address was a typing error' } });
    expect((await amend().discard(dead, { ...request, reason: 'again' })).changed).toBe(false);
    await expect(amend().redrive(dead, request)).rejects.toMatchObject({ code: 'conflict' });
  });
});
