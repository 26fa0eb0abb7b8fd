import { describe, expect, it } from '@jest/globals';
import { createPlaces, type Place } from '../../src/pipeline/places.js';
import { HandClock } from '../support/hand-clock.js';

/** Lets everything run that only waits for a promise. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function set() {
  const clock = new HandClock();
  return { clock, places: createPlaces(clock, clock, { next: () => 0.5 }) };
}

function leave(place: Place): void {
  if (!('leave' in place)) throw new Error('put off');
  place.leave();
}

describe('Places at a provider', () => {
  it('are as many as it takes, and go to whoever came first', async () => {
    const { places } = set();
    const order: string[] = [];
    const first = await places.take('p', 1, 'u');
    const others = ['b', 'c'].map(async (name) => {
      const place = await places.take('p', 1, 'u');
      order.push(name);
      return place;
    });
    await settle();
    expect(order).toEqual([]);
    leave(first);
    for (const other of others) leave(await other);
    expect(order).toEqual(['b', 'c']);
  });

  it('go to users in turns: who comes behind a flood waits for its own turn only', async () => {
    const { places } = set();
    const order: string[] = [];
    const line = ['flood', 'flood', 'flood', 'flood', 'a', 'b', 'a'].map(async (user, n) => {
      const place = await places.take('p', 1, user);
      order.push(`${user} ${n}`);
      return place;
    });
    for (const each of [0, 1, 4, 5, 2, 6, 3]) leave((await line[each]) ?? { retryInMs: 0 });
    expect(order).toEqual(['flood 0', 'flood 1', 'a 4', 'b 5', 'flood 2', 'a 6', 'flood 3']);
  });

  it('leave no trace of a user who waited in vain', async () => {
    const { clock, places } = set();
    const first = await places.take('p', 1, 'u');
    const inVain = places.take('p', 1, 'a');
    clock.advance(600);
    const later = places.take('p', 1, 'b');
    clock.advance(400);
    expect(await inVain).toHaveProperty('retryInMs');
    leave(first);
    leave(await later);
  });

  it('are counted for each provider apart, and not at all where there is no limit', async () => {
    const { places } = set();
    await places.take('p', 1, 'u');
    await places.take('q', 1, 'u');
    for (let n = 0; n < 100; n += 1) await places.take('p', undefined, 'u');
  });

  it('cannot be taken from under the one they were handed to', async () => {
    const { places } = set();
    const first = await places.take('p', 1, 'u');
    const second = places.take('p', 1, 'u');
    leave(first);
    let third = false;
    void places.take('p', 1, 'u').then(() => {
      third = true;
    });
    await second;
    await settle();
    expect(third).toBe(false);
  });

  it('are not waited for longer than a second: one slow provider must not hold all of a worker', async () => {
    const { clock, places } = set();
    await places.take('p', 1, 'u');
    const waits = places.take('p', 1, 'u');
    clock.advance(1000);
    expect(await waits).toEqual({ retryInMs: 2000 });
    // It is known to be slow now: the next one is put off at once, behind the one before.
    expect(await places.take('p', 1, 'u')).toEqual({ retryInMs: 3000 });
  });

  it('are stood in line for again as soon as a slow provider is quick, whoever else was put off before', async () => {
    const { clock, places } = set();
    const slow = await places.take('p', 1, 'u');
    const inVain = places.take('p', 1, 'u');
    clock.advance(1000);
    expect(await inVain).toHaveProperty('retryInMs');
    expect(await places.take('p', 1, 'u')).toHaveProperty('retryInMs');
    leave(slow);
    const hold = await places.take('p', 1, 'u');
    leave(hold);
    const quick = await places.take('q', 1, 'u');
    leave(quick);
    let last = await places.take('p', 2, 'u');
    for (let calls = 0; calls < 50; calls += 1) {
      const next = await places.take('p', 2, 'u');
      clock.advance(20);
      leave(last);
      last = next;
    }
    await places.take('p', 2, 'u');
    const waits = places.take('p', 2, 'u');
    await settle();
    leave(last);
    expect(await waits).toHaveProperty('leave');
  });

  it('are waited for again once those who were put off have come through', async () => {
    const { clock, places } = set();
    const first = await places.take('p', 1, 'u');
    const waits = places.take('p', 1, 'u');
    clock.advance(1000);
    await waits;
    leave(first);
    const second = await places.take('p', 1, 'u');
    const third = places.take('p', 1, 'u');
    await settle();
    leave(second);
    leave(await third);
  });
});
