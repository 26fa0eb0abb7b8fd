import { describe, expect, it } from '@jest/globals';
import { failureFingerprint } from '../../src/pipeline/dead-letter.js';
import { type Judgement, judge } from '../../src/pipeline/outcome.js';
import type { PipelineSettings } from '../../src/pipeline/settings.js';
import type { Delivery } from '../../src/ports/record.js';

const settings: PipelineSettings = {
  leaseMs: 30_000,
  heartbeatMs: 10_000,
  leaseCapMs: 300_000,
  batchSize: 50,
  prefetch: 50,
  pollIntervalMs: 60_000,
  republishAfterMs: 60_000,
  sendTimeoutMs: 10_000,
  maxRetries: 3,
  maxThrottles: 2,
  maxClaims: 5,
  backoffMs: 1000,
  backoffMaxMs: 60_000,
  breakerFailures: 5,
  breakerOpenMs: 10_000,
};
const failure = { code: 'http_503', message: 'not now' };

function on(change: Partial<Omit<Judgement, 'delivery'>> & { delivery?: Partial<Delivery> } = {}): Judgement {
  const delivery: Delivery = {
    id: 'd',
    channel: 'email',
    recipient: 'a@example.org',
    status: 'processing',
    generation: 1,
    operationId: 'o',
    attempts: 1,
    throttles: 0,
    dueAt: 1,
    intentAt: 1,
    reason: null,
    failure: null,
    fingerprint: null,
    settledAt: null,
    ...change.delivery,
  };
  const chance = { next: () => 0.5 };
  return {
    workload: 'w',
    effectClass: 'neither',
    policy: 'hold',
    cancelRequested: false,
    now: 10_000,
    settings,
    chance,
    ...change,
    delivery,
  };
}

describe('An outcome', () => {
  it('done: delivered, with nothing left open', () => {
    const { delivery, result } = judge(on(), { kind: 'done' });
    expect([delivery.status, delivery.intentAt, delivery.dueAt, delivery.settledAt, result]).toEqual([
      'delivered',
      null,
      null,
      10_000,
      'delivered',
    ]);
  });

  it('retry: put off with jitter until the retries are used up, then dead with a fingerprint', () => {
    const deferred = judge(on({ delivery: { attempts: 3 } }), { kind: 'retry', failure });
    expect([deferred.delivery.status, deferred.delivery.dueAt, deferred.rule]).toEqual(['deferred', 12_000, 'retry.full-jitter']);
    const dead = judge(on({ delivery: { attempts: 4 } }), { kind: 'retry', failure });
    expect([dead.delivery.status, dead.rule, dead.delivery.fingerprint?.length]).toEqual(['dead', 'retries.exhausted', 16]);
  });

  it('throttled: uses up no retry, but not for ever', () => {
    const slow = judge(on({ delivery: { attempts: 4 } }), { kind: 'retry', failure, throttled: true, afterMs: 2000 });
    expect([slow.delivery.status, slow.delivery.throttles, slow.result]).toEqual(['deferred', 1, 'throttled']);
    expect(slow.delivery.dueAt).toBeGreaterThanOrEqual(12_000);
    const worn = judge(on({ delivery: { attempts: 4, throttles: 2 } }), { kind: 'retry', failure, throttled: true });
    expect([worn.delivery.status, worn.rule]).toEqual(['dead', 'throttles.exhausted']);
  });

  it('dead: at once, whatever retries are left', () => {
    expect(judge(on(), { kind: 'dead', failure }).delivery.status).toBe('dead');
  });

  it('unknown at a provider that can tell nothing: held, resent or taken for delivered, as the policy says', () => {
    const by = (policy: Judgement['policy']) => judge(on({ policy }), { kind: 'unknown', failure }).delivery.status;
    expect([by('hold'), by('resend'), by('assume-delivered')]).toEqual(['held', 'deferred', 'delivered']);
  });

  it('unknown at an idempotent provider: sent again, and dead when that does not help', () => {
    const again = judge(on({ effectClass: 'idempotent' }), { kind: 'unknown', failure });
    expect([again.delivery.status, again.delivery.intentAt, again.result]).toEqual(['deferred', null, 'unknown']);
    expect(judge(on({ effectClass: 'idempotent', delivery: { attempts: 4 } }), { kind: 'unknown', failure }).delivery.status).toBe('dead');
  });

  it('unknown at a queryable provider: the intent stays open until it has answered, and is held in the end', () => {
    const asked = judge(on({ effectClass: 'queryable', delivery: { intentAt: 9000 } }), { kind: 'unknown', failure });
    expect([asked.delivery.status, asked.delivery.intentAt]).toEqual(['deferred', 9000]);
    const tooLong = on({ effectClass: 'queryable', now: 1_000_000, delivery: { intentAt: 9000 } });
    expect(judge(tooLong, { kind: 'unknown', failure }).delivery.status).toBe('held');
  });

  it('unknown after someone asked to cancel: held at any provider, since nothing more may be sent', () => {
    expect(judge(on({ effectClass: 'idempotent', cancelRequested: true }), { kind: 'unknown', failure }).delivery.status).toBe('held');
  });
});

describe('The fingerprint of a failure', () => {
  it('is one for failures that differ in numbers, ids and quoted text only', () => {
    const of = (message: string) => failureFingerprint('w', 'email', { code: 'smtp_550', message });
    expect(of('mailbox "a" full, 12 of 10 MB, id 3f2a9c1b77')).toBe(of('mailbox "bob" full, 99 of 50 MB, id 99ffeeddcc'));
    expect(of('mailbox full')).not.toBe(of('no such mailbox'));
    expect(failureFingerprint('w', 'sms', { code: 'smtp_550', message: 'x' })).not.toBe(
      failureFingerprint('w', 'email', { code: 'smtp_550', message: 'x' }),
    );
  });
});
