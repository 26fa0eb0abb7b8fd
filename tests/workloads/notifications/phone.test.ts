import { describe, expect, test } from '@jest/globals';
import { createPhones } from '../../../src/workloads/notifications/phone.js';

describe('A phone number', () => {
  test.each([
    ['+351912345678', '+351912345678'],
    ['+351 912-345 678', '+351912345678'],
    ['+44 (0)20 7946 0958', '+442079460958'],
    ['+1 (212) 555-0123', '+12125550123'],
    ['912345678', null],
    ['00351912345678', null],
    ['+351912345678;ext=5', null],
    ['+35191234567', null],
    ['+999 123 456 789', null],
    ['+', null],
    ['call +351912345678 now', null],
    ['٩١٢٣٤٥٦٧٨', null],
  ])('%s is %s', async (text, expected) => {
    expect((await createPhones(null)())(text)).toBe(expected);
  });

  test('without a country code is one of the default region, if there is such a region', async () => {
    expect((await createPhones('PT')())('912 345 678')).toBe('+351912345678');
    expect((await createPhones('PT')())('00351 912 345 678')).toBe('+351912345678');
    expect((await createPhones('PT')())('+442079460958')).toBe('+442079460958');
    expect((await createPhones('ZZ')())('912 345 678')).toBeNull();
    expect((await createPhones('ZZ')())('+442079460958')).toBe('+442079460958');
  });
});
