import { describe, expect, it } from '@jest/globals';
import { createAmend } from '../../src/pipeline/amend.js';
import type { Delivery, WorkRecord } from '../../src/ports/record.js';
import type { Amendment } from '../../src/ports/store.js';

const HOUR_MS = 3_600_000;
/** The store's clock, and two processes that are an hour ahead of it. */
const STORE_NOW = Date.UTC(2030, 0, 1);

const held: Delivery = {
  id: 'delivery',
  channel: 'email',
  recipient: 'someone@example.org',
  status: 'held',
  generation: 1,
  operationId: 'operation',
  attempts: 1,
  throttles: 0,
  dueAt: null,
  intentAt: null,
  reason: 'unknown.hold',
  failure: { code: 'timeout', message: 'no answer' },
  fingerprint: null,
  settledAt: STORE_NOW - 500,
};

const record = {
  tenant: 'default',
  id: 'record',
  workload: 'notifications',
  // What accepted it ran ahead: only a view for lists.
  createdAt: STORE_NOW + HOUR_MS,
  updatedAt: STORE_NOW - 500,
  dueAt: null,
  version: 3,
  lockToken: 1,
  cancelRequestedAt: null,
  deliveries: [held],
} as unknown as WorkRecord;

describe('resolving a held delivery', () => {
  it('makes a resend due at once by the store’s clock, however far ahead the accepting and the resolving process are', async () => {
    const written: Amendment[] = [];
    const amend = createAmend({
      store: {
        amend: (_key: unknown, amendment: Amendment) => {
          written.push(amendment);
          return Promise.resolve({ outcome: 'applied', record: { ...record, dueAt: amendment.dueAt, updatedAt: STORE_NOW } });
        },
      } as never,
      reader: { get: () => Promise.resolve(record) } as never,
      clock: { now: () => STORE_NOW + HOUR_MS, monotonic: () => 0 },
      relay: { offer: () => undefined } as never,
    });
    await amend.resolve({ tenant: 'default', id: 'record' }, { resolution: 'resend', actor: 'person' });
    expect(written[0]?.dueAt).toBeLessThanOrEqual(STORE_NOW);
    expect(written[0]?.deliveries[0]).toMatchObject({ status: 'queued', operationId: 'operation' });
  });
});
