import { describe, expect, it } from '@jest/globals';
import { createLeaseKeeper } from '../../src/pipeline/lease.js';
import type { PipelineSettings } from '../../src/pipeline/settings.js';
import type { WorkRecord } from '../../src/ports/record.js';

const LEASE_MS = 3000;
const settings = { leaseMs: LEASE_MS, heartbeatMs: LEASE_MS / 3, leaseCapMs: 10 * LEASE_MS } as PipelineSettings;

/** Time that moves when told to, firing what is due on the way. */
class Time {
  now = 0;
  private due: { at: number; fire: () => void; cancelled: boolean }[] = [];

  readonly clock = { now: () => this.now, monotonic: () => this.now };

  readonly timers = {
    after: (delayMs: number, fire: () => void) => {
      const timer = { at: this.now + delayMs, fire, cancelled: false };
      this.due.push(timer);
      return {
        cancel: () => {
          timer.cancelled = true;
        },
      };
    },
  };

  async until(at: number): Promise<void> {
    for (;;) {
      const next = this.due.filter((timer) => !timer.cancelled && timer.at <= at).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.due = this.due.filter((timer) => timer !== next);
      this.now = next.at;
      next.fire();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.now = at;
  }
}

function held(time: Time, renew: () => Promise<never>) {
  const keeper = createLeaseKeeper({ ...time, store: { renew } as never, watch: () => undefined, settings });
  const record = { tenant: 'default', id: 'record', lockToken: 1, deliveries: [] } as unknown as WorkRecord;
  return keeper.hold(record, 'worker', 0, 0);
}

describe('a lease that cannot be renewed', () => {
  it.each([
    ['hangs', () => new Promise<never>(() => undefined)],
    ['fails', () => Promise.reject(new Error('the store is away'))],
  ])('fires its signal when four fifths of it are used up, not at the next heartbeat, where the renewal %s', async (_how, renew) => {
    const time = new Time();
    const lease = held(time, renew);
    await time.until(0.8 * LEASE_MS - 10);
    expect(lease.signal.aborted).toBe(false);
    await time.until(0.8 * LEASE_MS + 10);
    expect(lease.signal.aborted).toBe(true);
  });

  it('fires it in time also where the claim’s answer took so long that the next heartbeat would be too late', async () => {
    const time = new Time();
    const renew = () => new Promise<never>(() => undefined);
    const keeper = createLeaseKeeper({ ...time, store: { renew } as never, watch: () => undefined, settings });
    const record = { tenant: 'default', id: 'record', lockToken: 1, deliveries: [] } as unknown as WorkRecord;
    await time.until(1900);
    keeper.hold({ ...record, id: 'quick' }, 'worker', 1900, 1900);
    await time.until(2000);
    const late = keeper.hold(record, 'worker', 0, 2000);
    await time.until(0.8 * LEASE_MS + 10);
    expect(late.signal.aborted).toBe(true);
  });
});
