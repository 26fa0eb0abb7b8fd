import { expect, test } from '@jest/globals';
import { compareZones } from './zone-comparison.js';

test('In every time zone, around the clock changes of some year, quiet hours are what a scan of every minute finds', () => {
  // The whole, every change of every zone, is `npm run quiet-hours:zones`.
  const counts = compareZones({ seed: 20_260_101, years: 'one', windows: 2 });
  expect(counts.examples).toEqual([]);
  expect(counts.zones).toBe(new Set(['UTC', ...Intl.supportedValuesOf('timeZone')]).size);
  expect(counts.gaps).toBeGreaterThan(30);
  expect(counts.folds).toBeGreaterThan(30);
}, 120_000);
