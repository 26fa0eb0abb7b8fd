import { describe, expect, test } from '@jest/globals';
import { Pace } from '../../src/pipeline/pace.js';
import { HandClock } from '../support/hand-clock.js';

/** Lanes that set out, in the order in which they may. */
function lanes(clock: HandClock): { readonly pace: Pace; readonly out: string[]; go(name: string): void; moment(): Promise<void> } {
  const pace = new Pace(clock, clock);
  const out: string[] = [];
  return {
    pace,
    out,
    go: (name) => void pace.setOut().then(() => out.push(name)),
    moment: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

describe('Lanes of a process', () => {
  test('set out at once where turns take no time, and after a rest', async () => {
    const clock = new HandClock();
    const { pace, out, go, moment } = lanes(clock);
    go('a');
    go('b');
    await moment();
    expect(out).toEqual(['a', 'b']);
    for (let n = 0; n < 50; n += 1) pace.took(10);
    go('c');
    clock.advance(10);
    go('d');
    await moment();
    expect(out).toEqual(['a', 'b', 'c', 'd']);
  });

  test('wait for each other about as long as a turn takes, and then set out together', async () => {
    const clock = new HandClock();
    const { pace, out, go, moment } = lanes(clock);
    for (let n = 0; n < 50; n += 1) pace.took(10);
    go('a');
    clock.advance(2);
    go('b');
    clock.advance(5);
    go('c');
    await moment();
    expect(out).toEqual(['a']);
    clock.advance(3);
    await moment();
    expect(out).toEqual(['a', 'b', 'c']);
    go('d');
    await moment();
    expect(out).toHaveLength(3);
  });

  test('never wait longer than 25 ms, however long turns take', async () => {
    const clock = new HandClock();
    const { pace, out, go, moment } = lanes(clock);
    pace.took(60_000);
    go('a');
    go('b');
    clock.advance(24);
    await moment();
    expect(out).toEqual(['a']);
    clock.advance(1);
    await moment();
    expect(out).toEqual(['a', 'b']);
  });
});
