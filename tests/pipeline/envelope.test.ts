import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { deliveryIdOf, dueOf, fingerprintOf, operationIdOf, recordIdOf, statusOf } from '../../src/pipeline/envelope.js';
import { DELIVERY_STATUSES, type Delivery, type DeliveryStatus } from '../../src/ports/record.js';

function delivery(status: DeliveryStatus, dueAt: number | null = null): Delivery {
  return {
    id: 'd',
    channel: 'email',
    recipient: 'a@example.org',
    status,
    generation: 1,
    operationId: 'o',
    attempts: 0,
    throttles: 0,
    dueAt,
    intentAt: null,
    reason: null,
    failure: null,
    fingerprint: null,
    settledAt: null,
  };
}

describe('Ids', () => {
  const scope = { tenant: 't', principal: 'p', operation: 'o', key: 'k' };

  it('follow from the scope of the key, and from all of it', () => {
    expect(recordIdOf(scope)).toBe(recordIdOf({ ...scope }));
    for (const part of ['tenant', 'principal', 'operation', 'key'] as const)
      expect(recordIdOf({ ...scope, [part]: 'x' })).not.toBe(recordIdOf(scope));
    expect(recordIdOf(scope)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('do not run into each other where parts meet', () => {
    expect(recordIdOf({ ...scope, principal: 'pa', operation: 'b' })).not.toBe(recordIdOf({ ...scope, principal: 'p', operation: 'ab' }));
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (a, b, c, d) => {
        if (a === c && b === d) return;
        expect(deliveryIdOf('t', 'r', a, b)).not.toBe(deliveryIdOf('t', 'r', c, d));
      }),
    );
  });

  it('name the operation anew with each generation and never with an attempt', () => {
    expect(operationIdOf('t', 'r', 'c', 'x', 1)).not.toBe(operationIdOf('t', 'r', 'c', 'x', 2));
    expect(operationIdOf.length).toBe(5);
  });
});

describe('The fingerprint of a body', () => {
  it('does not depend on the order of names, but on everything else', () => {
    expect(fingerprintOf({ a: 1, b: { c: [1, 2], d: null } })).toBe(fingerprintOf({ b: { d: null, c: [1, 2] }, a: 1 }));
    expect(fingerprintOf({ a: [1, 2] })).not.toBe(fingerprintOf({ a: [2, 1] }));
    expect(fingerprintOf({ a: '1' })).not.toBe(fingerprintOf({ a: 1 }));
    expect(fingerprintOf({ a: undefined })).toBe(fingerprintOf({}));
  });

  it('is that of what comes back from JSON', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => expect(fingerprintOf(JSON.parse(JSON.stringify(value)))).toBe(fingerprintOf(value))));
  });
});

describe('The status of a record', () => {
  it('is that of its deliveries where they agree', () => {
    for (const status of DELIVERY_STATUSES) expect(statusOf([delivery(status), delivery(status)])).toBe(status);
  });

  it('is partial where they rest in different states, but held where one of them waits for a person', () => {
    expect(statusOf([delivery('delivered'), delivery('dead')])).toBe('partial');
    expect(statusOf([delivery('delivered'), delivery('held'), delivery('dead')])).toBe('held');
  });

  it('is open while any is, and due at the earliest of those', () => {
    expect(statusOf([delivery('delivered'), delivery('deferred', 20)])).toBe('deferred');
    expect(dueOf([delivery('delivered', 5), delivery('deferred', 20), delivery('queued', 10)])).toBe(10);
    expect(dueOf([delivery('delivered'), delivery('held')])).toBeNull();
  });
});
