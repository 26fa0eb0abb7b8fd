import { describe, expect, it } from '@jest/globals';
import { type DeliverDeps, deliver } from '../../src/pipeline/deliver.js';
import type { Lease, LeasedChange } from '../../src/pipeline/lease.js';
import type { Workload } from '../../src/pipeline/workload.js';
import type { Channel } from '../../src/ports/channel.js';
import type { Delivery, WorkRecord } from '../../src/ports/record.js';
import { draftOf } from '../contracts/drafts.js';
import { HandClock } from '../support/hand-clock.js';

/** One pass over one record, with a breaker and a rate that do as they are told. */
async function pass({ breaker = true, turnInMs = null as number | null, delivery = {} as Partial<Delivery> } = {}) {
  const clock = new HandClock();
  const asked: (readonly [string, number | undefined, boolean])[] = [];
  const reports: string[] = [];
  const changes: LeasedChange[] = [];
  let sent = 0;
  const channel: Channel = {
    name: 'sms',
    effectClass: 'neither',
    ratePerSecond: 50,
    provider: () => 'sms:api.example.org',
    send: () => {
      sent += 1;
      return Promise.resolve({ kind: 'done' });
    },
  };
  const draft = draftOf({ id: 'a', createdAt: clock.now(), channels: ['sms'] });
  const deliveries = draft.deliveries.map((one) => ({ ...one, ...delivery }));
  const record = { ...draft, deliveries, cancelRequestedAt: null, barrenClaims: 1, lockToken: 1, claims: 1 } as unknown as WorkRecord;
  const lease: Lease = {
    ref: { tenant: 't', id: 'a', worker: 'w', token: 1 },
    record,
    signal: new AbortController().signal,
    now: () => clock.now(),
    safe: () => true,
    commit: (change) => {
      changes.push(change);
      return Promise.resolve('applied');
    },
  };
  const workload: Workload = {
    name: 'notifications',
    decide: () => ({ kind: 'send', rule: 'due' }),
    expiresAt: () => null,
    channel: () => channel,
    effect: () => ({}) as ReturnType<Workload['effect']>,
    onUnknown: () => 'hold',
  };
  const deps = {
    clock,
    timers: clock,
    chance: { next: () => 0 },
    breakers: {
      enter: () => (breaker ? { admitted: true, report: (verdict: string) => reports.push(verdict) } : { admitted: false, retryInMs: 500 }),
    },
    places: { take: () => Promise.resolve({ leave: () => undefined }) },
    rates: {
      take: (...args: readonly [string, number | undefined, boolean]) => {
        asked.push(args);
        return turnInMs;
      },
    },
    draining: () => false,
    watch: () => undefined,
    settings: { maxClaims: 5, sendTimeoutMs: 1000, breakerOpenMs: 1000 },
  } as unknown as DeliverDeps;
  await deliver(deps, workload, lease);
  const last = changes.at(-1);
  return { asked, reports, sent, last: last?.deliveries[0], ledger: changes.flatMap((change) => change.ledger), now: clock.now() };
}

describe('A delivery whose provider’s rate is used up', () => {
  it('is put off to its turn, with no intent, no attempt and no call, and the breaker hears of it once', async () => {
    const { last, ledger, sent, reports, now } = await pass({ turnInMs: 700 });
    expect(last).toMatchObject({ status: 'deferred', reason: 'rate.limited', dueAt: now + 700, attempts: 0, intentAt: null });
    expect([ledger, sent, reports]).toEqual([[], 0, ['neutral']]);
  });

  it('says when it comes back that it has stood in line', async () => {
    expect((await pass()).asked).toEqual([['sms:api.example.org', 50, false]]);
    expect((await pass({ delivery: { status: 'deferred', reason: 'rate.limited' } })).asked).toEqual([['sms:api.example.org', 50, true]]);
  });

  it('takes nothing of the rate while the breaker is open', async () => {
    const { asked, last } = await pass({ breaker: false });
    expect(asked).toEqual([]);
    expect(last).toMatchObject({ reason: 'breaker.open', attempts: 0 });
  });

  it('is sent when it is its turn, and the breaker hears what came of it', async () => {
    const { sent, reports, last } = await pass();
    expect([sent, reports, last?.status]).toEqual([1, ['success'], 'delivered']);
  });
});
