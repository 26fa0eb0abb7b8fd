import { describe, expect, it } from '@jest/globals';
import { createPlaces } from '../../src/pipeline/places.js';

/** Lets everything run that only waits for a promise. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Places at a provider', () => {
  it('are as many as it takes, and go to whoever came first', async () => {
    const places = createPlaces();
    const order: string[] = [];
    const first = await places.take('p', 1);
    const others = ['b', 'c'].map(async (name) => {
      const leave = await places.take('p', 1);
      order.push(name);
      return leave;
    });
    await settle();
    expect(order).toEqual([]);
    first();
    (await others[0])?.();
    (await others[1])?.();
    expect(order).toEqual(['b', 'c']);
  });

  it('are counted for each provider apart, and not at all where there is no limit', async () => {
    const places = createPlaces();
    await places.take('p', 1);
    await places.take('q', 1);
    for (let n = 0; n < 100; n += 1) await places.take('p', undefined);
  });

  it('cannot be taken from under the one they were handed to', async () => {
    const places = createPlaces();
    const first = await places.take('p', 1);
    const second = places.take('p', 1);
    first();
    let third = false;
    void places.take('p', 1).then(() => {
      third = true;
    });
    await second;
    await settle();
    expect(third).toBe(false);
  });
});
