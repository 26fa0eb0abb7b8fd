import { describe, expect, it } from '@jest/globals';
import { createPlaces, type Place } from '../../src/pipeline/places.js';
import { HandClock } from '../support/hand-clock.js';

/** Lets everything run that only waits for a promise. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function set() {
  const clock = new HandClock();
  return { clock, places: createPlaces(clock, { next: () => 0.5 }) };
}

function leave(place: Place): void {
  if (!('leave' in place)) throw new Error('put off');
  place.leave();
}

describe('Places at a provider', () => {
  it('are as many as it takes, and go to whoever came first', async () => {
    const { places } = set();
    const order: string[] = [];
    const first = await places.take('p', 1);
    const others = ['b', 'c'].map(async (name) => {
      const place = await places.take('p', 1);
      order.push(name);
      return place;
    });
    await settle();
    expect(order).toEqual([]);
    leave(first);
    for (const other of others) leave(await other);
    expect(order).toEqual(['b', 'c']);
  });

  it('are counted for each provider apart, and not at all where there is no limit', async () => {
    const { places } = set();
    await places.take('p', 1);
    await places.take('q', 1);
    for (let n = 0; n < 100; n += 1) await places.take('p', undefined);
  });

  it('cannot be taken from under the one they were handed to', async () => {
    const { places } = set();
    const first = await places.take('p', 1);
    const second = places.take('p', 1);
    leave(first);
    let third = false;
    void places.take('p', 1).then(() => {
      third = true;
    });
    await second;
    await settle();
    expect(third).toBe(false);
  });

  it('are not waited for longer than a second: one slow provider must not hold all of a worker', async () => {
    const { clock, places } = set();
    await places.take('p', 1);
    const waits = places.take('p', 1);
    clock.advance(1000);
    expect(await waits).toEqual({ retryInMs: 2000 });
    // It is known to be slow now: the next one is put off at once, behind the one before.
    expect(await places.take('p', 1)).toEqual({ retryInMs: 3000 });
  });

  it('are waited for again once those who were put off have come through', async () => {
    const { clock, places } = set();
    const first = await places.take('p', 1);
    const waits = places.take('p', 1);
    clock.advance(1000);
    await waits;
    leave(first);
    const second = await places.take('p', 1);
    const third = places.take('p', 1);
    await settle();
    leave(second);
    leave(await third);
  });
});
