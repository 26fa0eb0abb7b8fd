import { describe, expect, it } from '@jest/globals';
import { SignalboxError } from '../../src/errors.js';
import { type Attempt, outcomesOf } from '../../src/pipeline/stream-outcomes.js';
import type { StreamEntry } from '../../src/ports/stream.js';

const entries = [{ id: 'a', entry: '1-0', deliveries: 5, tenant: 't', key: 'k' }] as unknown as readonly StreamEntry[];
const AWAY = new SignalboxError('store-unavailable', 'away');

/** A store that is away for so many attempts; `told` is what happened, in its order. */
function attemptOf(awayFor: number, change: Partial<Attempt> = {}) {
  const told: string[] = [];
  let left = awayFor;
  const attempt: Attempt = {
    handle: async (those) => {
      left -= 1;
      if (left >= 0) throw AWAY;
      told.push('handled');
      return those.map(() => ({ kind: 'done' }));
    },
    watch: (fact) => void told.push(fact.kind === 'trouble' ? fact.where : fact.kind),
    maxDeliveries: 5,
    signal: new AbortController().signal,
    over: () => false,
    spare: async (those) => void told.push(`spared ${those.map(({ id }) => id).join()}`),
    pause: async (failures) => void told.push(`pause ${failures}`),
    ...change,
  };
  return { attempt, told };
}

describe('While what the handler needs is away', () => {
  it('the entries are spared once, and tried until it is back', async () => {
    const { attempt, told } = attemptOf(2);
    expect(await outcomesOf(entries, attempt)).toEqual([{ kind: 'done' }]);
    expect(told).toEqual(['stream.handle', 'spared a', 'pause 1', 'stream.handle', 'pause 2', 'handled']);
  });

  it('they are spared before the partition is given up, so that the next owner does not count it against them', async () => {
    const { attempt, told } = attemptOf(2, { over: () => true });
    expect(await outcomesOf(entries, attempt)).toBeNull();
    expect(told).toEqual(['stream.handle', 'spared a']);
  });

  it('a log that cannot spare them just now changes nothing else', async () => {
    const { attempt, told } = attemptOf(1, { spare: () => Promise.reject(AWAY) });
    expect(await outcomesOf(entries, attempt)).toEqual([{ kind: 'done' }]);
    expect(told).toEqual(['stream.handle', 'stream.spare', 'pause 1', 'handled']);
  });
});
