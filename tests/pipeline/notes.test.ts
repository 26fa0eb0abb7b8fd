import { describe, expect, it } from '@jest/globals';
import type { Lease } from '../../src/pipeline/lease.js';
import { Notes } from '../../src/pipeline/notes.js';
import type { Delivery, WorkRecord } from '../../src/ports/record.js';

const ACCEPTED = 1_000;
const DUE = 3_600_000;
const NOW = DUE + 40;

const scheduled = { id: 'd1', status: 'scheduled', dueAt: DUE } as Delivery;

/** What of a lease is looked at; each write under a real one gives it another record. */
function leaseOf(...deliveries: readonly Delivery[]): { record: WorkRecord; now: () => number } {
  return { record: { createdAt: ACCEPTED, deliveries } as unknown as WorkRecord, now: () => NOW };
}

describe('What is told of a delivery that came to rest', () => {
  it('counts from the time it was scheduled for, although its intent has overwritten that', () => {
    const lease = leaseOf(scheduled);
    const notes = new Notes(lease as unknown as Lease);
    const intended: Delivery = { ...scheduled, status: 'processing', dueAt: NOW - 5 };
    lease.record = { ...lease.record, deliveries: [intended] };
    const fact = notes.settled({ ...intended, status: 'delivered', dueAt: null });
    expect(fact).toMatchObject({ sinceDueMs: 40, sinceAcceptMs: NOW - ACCEPTED });
  });

  it('counts each delivery of a record from its own time', () => {
    const notes = new Notes(leaseOf(scheduled, { ...scheduled, id: 'd2', dueAt: DUE + 30 }) as unknown as Lease);
    const since = ['d1', 'd2'].map((id) => notes.settled({ ...scheduled, id, status: 'delivered', dueAt: null }));
    expect(since).toMatchObject([{ sinceDueMs: 40 }, { sinceDueMs: 10 }]);
  });
});
