import { describe, expect, test } from '@jest/globals';
import { SignalboxError } from '../../../src/errors.js';
import type { Amended, DeskActions } from '../../../src/pipeline/amend.js';
import type { Effect, Outcome } from '../../../src/ports/channel.js';
import type { DeliveryQuery, DeliveryRow, RecordReader } from '../../../src/ports/reader.js';
import { deskChannel } from '../../../src/workloads/desk/channel.js';
import type { DeskPlan } from '../../../src/workloads/desk/plan.js';
import { HandClock } from '../../support/hand-clock.js';

const ACCEPTED_AT = 5_000;

const PLAN: DeskPlan = { action: 'redrive', filter: {}, ratePerSecond: null, note: null, matched: 0 };

/** A desk of so many deliveries; `act` says what comes of one. */
class Bench {
  readonly clock = new HandClock();
  readonly acted: string[] = [];
  readonly queries: DeliveryQuery[] = [];
  left: string[];

  constructor(
    count: number,
    readonly act: (id: string) => 'changed' | 'known' | SignalboxError = () => 'changed',
  ) {
    this.left = Array.from({ length: count }, (_, n) => `d${String(n).padStart(4, '0')}`).reverse();
  }

  async step(plan: Partial<DeskPlan> = {}, signal = new AbortController().signal): Promise<Outcome> {
    const effect = { tenant: 't', recordId: 'operation', acceptedAt: ACCEPTED_AT, data: { ...PLAN, ...plan, actor: 'ada' } };
    const reader = { listDeliveries: (query: DeliveryQuery) => Promise.resolve(this.page(query)) } as unknown as RecordReader;
    const actions = {
      redrive: (_key: unknown, { deliveryId }: { deliveryId: string }) => this.redrive(deliveryId),
    } as unknown as DeskActions;
    const channel = deskChannel({ reader, actions: () => actions, clock: this.clock, stepMs: 1000 });
    return channel.send(effect as unknown as Effect, signal);
  }

  private page(query: DeliveryQuery): readonly DeliveryRow[] {
    this.queries.push(query);
    const after = query.after?.id;
    const rest = after === undefined ? this.left : this.left.filter((id) => id < after);
    return rest.slice(0, query.limit).map((id) => ({ record: {}, delivery: { id, settledAt: 1 } }) as unknown as DeliveryRow);
  }

  private async redrive(id: string): Promise<Amended> {
    const result = this.act(id);
    this.acted.push(id);
    this.clock.advance(1);
    if (result instanceof SignalboxError) throw result;
    if (result === 'changed') this.left = this.left.filter((other) => other !== id);
    return { record: {} as never, changed: result === 'changed' };
  }
}

const busy = new SignalboxError('record-busy', 'A worker holds the record just now; try again');

describe('an operation on many', () => {
  test('goes in steps of 200 and is done when a whole pass finds nothing', async () => {
    const bench = new Bench(450);
    const outcomes: Outcome[] = [];
    do outcomes.push(await bench.step());
    while (outcomes.at(-1)?.kind === 'defer');
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['defer', 'defer', 'defer', 'done']);
    expect(outcomes[0]).toEqual({ kind: 'defer', rule: 'desk.next-step', afterMs: 0 });
    expect(bench.acted).toHaveLength(450);
    expect(new Set(bench.acted).size).toBe(450);
  });

  test.each([
    [20, 20, 1000],
    [2.5, 2, 800],
    [0.1, 1, 10_000],
    [1000, 200, 200],
  ])('at %d a second changes %d and comes back %d ms after it began', async (ratePerSecond, changed, intervalMs) => {
    const bench = new Bench(300);
    const outcome = await bench.step({ ratePerSecond });
    expect(bench.acted).toHaveLength(changed);
    // Each change took a millisecond of it.
    expect(outcome).toEqual({ kind: 'defer', rule: 'desk.next-step', afterMs: Math.max(0, intervalMs - changed) });
  });

  test('looks only at what came to rest before it was accepted, and never at operations on many', async () => {
    const bench = new Bench(1);
    await bench.step({ filter: { channel: 'webhook' } });
    await bench.step({ filter: { until: 10 } });
    const common = { tenant: 't', status: 'dead', exceptWorkload: 'desk' };
    expect(bench.queries[0]).toMatchObject({ ...common, channel: 'webhook', until: ACCEPTED_AT + 1 });
    expect(bench.queries.at(-1)).toMatchObject({ ...common, until: 10 });
  });

  test('passes over what a worker holds, and comes back for it', async () => {
    const bench = new Bench(120, (id) => (id === 'd0100' ? busy : 'changed'));
    expect(await bench.step()).toMatchObject({ kind: 'defer', afterMs: 1000 });
    expect(bench.left).toEqual(['d0100']);
  });

  test('does not go round for ever over what cannot be changed', async () => {
    const bench = new Bench(3, () => busy);
    expect(await bench.step()).toEqual({
      kind: 'retry',
      throttled: true,
      afterMs: 1000,
      failure: { code: 'deliveries_busy', message: `3 deliveries could not be changed; the last: ${busy.message}` },
    });
  });

  test('has nothing left to do with what it has changed before, whatever the clocks say', async () => {
    expect(await new Bench(5, () => 'known').step()).toEqual({ kind: 'done' });
  });

  test('ends its step in time, and when it is told to', async () => {
    const slow = new Bench(200);
    const advance = slow.act;
    const bench = new Bench(200, (id) => {
      bench.clock.advance(15);
      return advance(id);
    });
    expect(await bench.step()).toMatchObject({ kind: 'defer' });
    expect(bench.acted.length).toBeLessThan(200);
    const stopped = new Bench(10);
    expect(await stopped.step({}, AbortSignal.abort())).toMatchObject({ kind: 'defer' });
    expect(stopped.acted).toEqual([]);
  });

  test('tries again when the store is away', async () => {
    const bench = new Bench(1);
    const down = new SignalboxError('store-unavailable', 'The store does not answer');
    Object.assign(bench, { page: () => Promise.reject(down) });
    expect(await bench.step()).toEqual({
      kind: 'retry',
      throttled: true,
      afterMs: 1000,
      failure: { code: 'store-unavailable', message: 'The store does not answer' },
    });
  });
});
