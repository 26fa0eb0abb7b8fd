import { describe, expect, it } from '@jest/globals';
import { createBreakers } from '../../src/pipeline/breaker.js';
import { createConsumer } from '../../src/pipeline/consume.js';
import type { PipelineSettings } from '../../src/pipeline/settings.js';
import type { Workload } from '../../src/pipeline/workload.js';
import type { Channel, Outcome } from '../../src/ports/channel.js';
import type { TakenWakeUp } from '../../src/ports/queue.js';
import type { Delivery, WorkRecord } from '../../src/ports/record.js';
import type { Change, ClaimRequest, CommitResult, LeaseRef } from '../../src/ports/store.js';
import { draftOf } from '../contracts/drafts.js';
import { HandClock } from '../support/hand-clock.js';

const LEASE_MS = 10_000;
const settings = {
  leaseMs: LEASE_MS,
  heartbeatMs: 3_000,
  leaseCapMs: 300_000,
  sendTimeoutMs: 5_000,
  batchSize: 10,
  prefetch: 10,
  maxRetries: 3,
  maxClaims: 5,
  maxThrottles: 20,
  backoffMs: 0,
  backoffMaxMs: 0,
  breakerFailures: 100,
  breakerOpenMs: 1000,
} as PipelineSettings;

/** A worker, and records that it finds as their last holder left them. */
function set(deliveries: Readonly<Record<string, Partial<Delivery>>>) {
  const clock = new HandClock();
  const underWay: string[] = [];
  const seen: string[][] = [];
  const settled: string[] = [];
  const written: { readonly id: string; readonly change: Change }[] = [];
  const answers: ((outcome: Outcome) => void)[] = [];
  const channel: Channel = {
    name: 'webhook',
    effectClass: 'idempotent',
    provider: () => 'hooks.example.org',
    send: ({ recordId }) => {
      underWay.push(recordId);
      seen.push([...underWay]);
      return new Promise((resolve) => {
        answers.push((outcome) => {
          underWay.splice(underWay.indexOf(recordId), 1);
          resolve(outcome);
        });
      });
    },
  };
  const recordOf = (id: string): WorkRecord => {
    const draft = draftOf({ id, createdAt: clock.now(), channels: ['webhook'] });
    const lost = draft.deliveries.map((one) => ({ ...one, ...deliveries[id] }));
    return {
      ...draft,
      tenant: 'default',
      deliveries: lost,
      cancelRequestedAt: null,
      barrenClaims: 1,
      lockToken: 2,
      claims: 2,
    } as unknown as WorkRecord;
  };
  const workload = {
    name: 'notifications',
    decide: () => ({ kind: 'send', rule: 'due' }),
    expiresAt: () => null,
    channel: () => channel,
    effect: (record: WorkRecord) => ({ recordId: record.id }),
    onUnknown: () => 'hold',
  } as unknown as Workload;
  let give: (wakeUps: readonly TakenWakeUp[]) => void = () => undefined;
  const consumer = createConsumer({
    store: {
      claim: ({ keys }: ClaimRequest) => Promise.resolve({ claimed: keys.map(({ id }) => recordOf(id)), refused: [], now: clock.now() }),
      renew: (leases: readonly LeaseRef[]) => Promise.resolve(leases),
      commit: ({ id }: LeaseRef, change: Change): Promise<CommitResult> => {
        written.push({ id, change });
        return Promise.resolve({ applied: true, version: 2, cancelRequestedAt: null } as CommitResult);
      },
    } as never,
    reader: {} as never,
    queue: {
      consume(_prefetch: number, take: (wakeUps: readonly TakenWakeUp[]) => void) {
        give = take;
        return { stop: () => Promise.resolve() };
      },
    } as never,
    clock,
    timers: clock,
    chance: { next: () => 0 },
    ids: { next: () => 'claim' },
    breakers: createBreakers(clock, settings, () => undefined),
    watch: () => undefined,
    settings,
    worker: 'worker',
    workloads: new Map([['notifications', workload]]),
    expect: () => undefined,
    cancel: () => Promise.resolve(),
  });
  const wakeUp = (id: string): TakenWakeUp => ({
    tenant: 'default',
    id,
    workload: 'notifications',
    priority: 'normal',
    userId: null,
    redeliveries: 0,
    ack: () => Promise.resolve(void settled.push(`${id} ack`)),
    release: () => Promise.resolve(void settled.push(`${id} release`)),
  });
  consumer.start();
  give(Object.keys(deliveries).map(wakeUp));
  return { consumer, seen, settled, written, answers, clock };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
};

const lost = (attempts: number): Partial<Delivery> => ({ status: 'processing', attempts, intentAt: Date.UTC(2026, 0, 1) });

describe('Records that were lost with their worker in the middle of a call', () => {
  it('run beside others the first time', async () => {
    const { seen, answers } = set({ a: lost(1), b: lost(1), c: {} });
    await turns();
    expect(seen.at(-1)?.toSorted()).toEqual(['a', 'b', 'c']);
    for (const answer of answers) answer({ kind: 'done' });
  });

  it('run alone from the second time on, when the others are through, each under the lease of its claim', async () => {
    const { seen, answers, settled, written } = set({ a: lost(2), b: lost(2), c: {} });
    for (let next = 0; next < 3; next += 1) {
      await turns();
      answers[next]?.({ kind: 'done' });
    }
    await turns();
    expect(seen).toEqual([['c'], ['a'], ['b']]);
    expect(settled).toEqual(['c ack', 'a ack', 'b ack']);
    expect(written.filter(({ change }) => change.release).map(({ id }) => id)).toEqual(['c', 'a', 'b']);
  });

  it('are not suspected where the intent is open on purpose, to be asked about', async () => {
    const { seen, answers } = set({ a: { ...lost(2), status: 'deferred' }, b: {} });
    await turns();
    expect(seen.at(-1)?.toSorted()).toEqual(['a', 'b']);
    for (const answer of answers) answer({ kind: 'done' });
  });

  it('are given back by a worker that stops before their turn has come', async () => {
    const { consumer, answers, settled, seen } = set({ a: lost(2), c: {} });
    await turns();
    const stopped = consumer.stop();
    await turns();
    expect(settled).toEqual(['a release']);
    answers[0]?.({ kind: 'done' });
    await stopped;
    expect([seen, settled]).toEqual([[['c']], ['a release', 'c ack']]);
  });
});
