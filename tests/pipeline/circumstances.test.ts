import { expect, it } from '@jest/globals';
import { type DeliverDeps, deliver } from '../../src/pipeline/deliver.js';
import type { Lease, LeasedChange } from '../../src/pipeline/lease.js';
import type { Workload } from '../../src/pipeline/workload.js';
import type { WorkRecord } from '../../src/ports/record.js';
import { draftOf } from '../contracts/drafts.js';
import { HandClock } from '../support/hand-clock.js';

it('An outage of what decisions rest on gives the record back with a write: it never counts as a killer of workers', async () => {
  const clock = new HandClock();
  const draft = draftOf({ id: 'a', createdAt: clock.now(), channels: ['email'] });
  const changes: LeasedChange[] = [];
  const lease: Lease = {
    ref: { tenant: 't', id: 'a', worker: 'w', token: 1 },
    record: { ...draft, cancelRequestedAt: null, barrenClaims: 1, lockToken: 1, claims: 1 } as unknown as WorkRecord,
    signal: new AbortController().signal,
    now: () => clock.now(),
    safe: () => true,
    commit: (change) => {
      changes.push(change);
      return Promise.resolve('applied');
    },
  };
  const workload = { name: 'notifications', circumstances: () => Promise.reject(new Error('away')) } as unknown as Workload;
  const deps = { settings: { maxClaims: 5 } } as unknown as DeliverDeps;

  await expect(deliver(deps, workload, lease)).rejects.toThrow('away');

  // A write resets `barrenClaims`; the wake-up goes back with the error, to be given out again.
  expect(changes).toEqual([expect.objectContaining({ deliveries: [], ledger: [], release: true })]);
  expect(changes[0]?.events.map(({ name, rule }) => [name, rule])).toEqual([
    ['claimed', 'claim.due'],
    ['handed-back', 'circumstances.unavailable'],
  ]);
});
