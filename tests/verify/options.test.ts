import { describe, expect, test } from '@jest/globals';
import { chosen, readOptions, UsageError } from '../../verify/options.js';

const rows = ['ENV-01', 'ENV-10', 'NOT-01'].map((id) => ({ id }));

describe('The command line of npm run verify', () => {
  test('measures all rows of an embedded server unless it is told otherwise', () => {
    expect(readOptions([], {})).toMatchObject({ target: 'embedded', only: null, json: null, withDrills: false, key: null });
    expect(readOptions(['--target', 'cluster', '--with-drills'], { SIGNALBOX_API_KEY: 'k' })).toMatchObject({
      target: 'cluster',
      withDrills: true,
      key: 'k',
    });
  });

  test('takes ids, and a star for any end', () => {
    const { only } = readOptions(['--only', 'env-01,NOT-*'], {});
    expect(chosen(rows, only).map(({ id }) => id)).toEqual(['ENV-01', 'NOT-01']);
    expect(chosen(rows, null)).toEqual(rows);
  });

  test.each([['--target', 'moon'], ['--only', 'everything'], ['--no-such-flag'], ['--target']])('refuses %s %s', (...args) => {
    expect(() => readOptions(args, {})).toThrow(UsageError);
  });

  test('refuses a pattern that means no row', () => {
    expect(() => chosen(rows, ['ENV-99'])).toThrow(UsageError);
  });
});
