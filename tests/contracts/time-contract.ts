import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Clock, Timers } from '../../src/ports/clock.js';

/** A clock and its timers under test. */
export interface TimeHarness {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Lets so many milliseconds pass, and resolves after every timer that fell due. */
  pass(ms: number): Promise<void>;
  dispose(): void;
}

/** What every `Clock` and its `Timers` promise. */
export function timeContract(make: () => TimeHarness): void {
  let time: TimeHarness;
  beforeEach(() => {
    time = make();
  });
  afterEach(() => time.dispose());

  describe('Clock', () => {
    test('both clocks go on with the time that passes, and the monotonic one never falls', async () => {
      const [now, monotonic] = [time.clock.now(), time.clock.monotonic()];
      expect(time.clock.monotonic()).toBeGreaterThanOrEqual(monotonic);
      await time.pass(20);
      expect(time.clock.monotonic() - monotonic).toBeGreaterThanOrEqual(19);
      expect(time.clock.now() - now).toBeGreaterThanOrEqual(19);
    });

    test('the wall clock is in whole milliseconds', () => {
      expect(Number.isInteger(time.clock.now())).toBe(true);
    });
  });

  describe('Timers', () => {
    const fired = (delayMs: number): Promise<void> => new Promise((resolve) => void time.timers.after(delayMs, resolve));

    test('a timer fires once, not before its time, and never while it is being set', async () => {
      const start = time.clock.monotonic();
      let count = 0;
      time.timers.after(20, () => {
        count += 1;
      });
      time.timers.after(0, () => {
        count += 10;
      });
      expect(count).toBe(0);
      const done = fired(20);
      await time.pass(20);
      await done;
      expect(time.clock.monotonic() - start).toBeGreaterThanOrEqual(19);
      expect(count).toBe(11);
    });

    test('a timer that was called off does not fire; calling off twice, or too late, does nothing', async () => {
      let count = 0;
      const first = time.timers.after(0, () => {
        count += 1;
      });
      const second = time.timers.after(10, () => {
        count += 1;
      });
      first.cancel();
      first.cancel();
      second.cancel();
      const late = time.timers.after(0, () => {});
      const done = fired(15);
      await time.pass(15);
      await done;
      late.cancel();
      expect(count).toBe(0);
    });

    test('a delay beyond what the platform can count does not fire at once', async () => {
      let count = 0;
      const timer = time.timers.after(2 ** 31 + 5, () => {
        count += 1;
      });
      const done = fired(10);
      await time.pass(10);
      await done;
      expect(count).toBe(0);
      timer.cancel();
    });
  });
}
