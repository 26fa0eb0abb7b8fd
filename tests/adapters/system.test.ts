import { describe, expect, test } from '@jest/globals';
import { createSystemChance } from '../../src/adapters/system/system-chance.js';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemIds } from '../../src/adapters/system/system-ids.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import { timeContract } from '../contracts/time-contract.js';
import { ManualTime } from './manual-time.js';

describe('of this machine', () => {
  timeContract(() => {
    const timers = createSystemTimers();
    const pass = (ms: number): Promise<void> => new Promise((resolve) => void timers.after(ms, resolve));
    return { clock: createSystemClock(), timers, pass, dispose: () => {} };
  });

  test('chance is in [0, 1) and not always the same', () => {
    const chance = createSystemChance();
    const drawn = Array.from({ length: 100 }, () => chance.next());
    expect(drawn.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(new Set(drawn).size).toBeGreaterThan(90);
  });

  test('ids are UUIDs of version 7, all different, in the order of their making', () => {
    const ids = createSystemIds();
    const made = Array.from({ length: 1000 }, () => ids.next());
    expect(made.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toBe(true);
    expect([...new Set(made)].sort()).toEqual(made);
  });
});

describe('moved by hand', () => {
  timeContract(() => {
    const time = new ManualTime();
    return { clock: time, timers: time, pass: (ms) => time.pass(ms), dispose: () => {} };
  });
});
