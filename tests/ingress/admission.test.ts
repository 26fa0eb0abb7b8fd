import { describe, expect, it } from '@jest/globals';
import { createAdmission } from '../../src/ingress/admission.js';
import type { Backlog } from '../../src/ports/reader.js';
import type { Fact } from '../../src/ports/watch.js';
import { HandClock } from '../support/hand-clock.js';

const CREATED = { kind: 'accepted', outcome: 'created' } as Fact;

/** An admission that has looked once; `look` lets it look again, a second later. */
async function stage(maxBacklog: number, first: Backlog) {
  const clock = new HandClock();
  let told = first;
  const reader = { backlog: async () => told } as Parameters<typeof createAdmission>[0]['reader'];
  const admission = createAdmission({ reader, clock, timers: clock, maxBacklog });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  admission.start();
  await settle();
  return {
    admission,
    async look(backlog: Backlog) {
      told = backlog;
      clock.advance(1000);
      await settle();
    },
  };
}

/** What whoever is refused is told to wait, seconds; null: not refused. */
function retryAfter(admission: ReturnType<typeof createAdmission>): number | null {
  try {
    admission.admit();
    return null;
  } catch (error) {
    return (error as { readonly retryAfterS?: number }).retryAfterS ?? 0;
  }
}

describe('Admission', () => {
  it('counts on from figures that are the same as before, so that an old count lets nobody past the limit', async () => {
    const old: Backlog = { open: 90, oldestDueMs: 0 };
    const { admission, look } = await stage(100, old);
    for (let n = 0; n < 10; n += 1) admission.count(CREATED);
    expect(retryAfter(admission)).not.toBeNull();
    await look(old);
    expect(retryAfter(admission)).not.toBeNull();
    await look({ open: 50, oldestDueMs: 0 });
    expect(retryAfter(admission)).toBeNull();
  });

  it('says to come back when the backlog will have drained, also where other processes drain it', async () => {
    const { admission, look } = await stage(100, { open: 500, oldestDueMs: 0 });
    await look({ open: 400, oldestDueMs: 0 });
    expect(retryAfter(admission)).toBeCloseTo(3.01, 1);
    for (let n = 0; n < 50; n += 1) admission.count(CREATED);
    await look({ open: 400, oldestDueMs: 0 });
    expect(retryAfter(admission)).toBeCloseTo(6.02, 1);
  });

  it('keeps its last figures while nobody can count', async () => {
    const { admission, look } = await stage(100, { open: 200, oldestDueMs: 0 });
    await look(Promise.reject(new Error('away')) as unknown as Backlog);
    expect(retryAfter(admission)).not.toBeNull();
  });
});
