import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { agrees, demandYes, type Terminal } from '../../src/cli/confirm.js';

function terminal(isTTY: boolean): Terminal & { readonly input: PassThrough; readonly output: PassThrough } {
  return { input: Object.assign(new PassThrough(), { isTTY }), output: Object.assign(new PassThrough(), { isTTY }) };
}

describe('What cannot be taken back', () => {
  test.each([
    ['y\n', true],
    ['YES\n', true],
    ['n\n', false],
    ['\n', false],
    ['yellow\n', false],
  ])('is asked for: %j', async (typed, expected) => {
    const own = terminal(true);
    const answer = agrees('redrive 5 dead letters?', own);
    own.input.write(typed);
    expect(await answer).toBe(expected);
    expect(String(own.output.read())).toContain('redrive 5 dead letters? [y/N] ');
  });

  test('is not done where the input ends without an answer', async () => {
    const own = terminal(true);
    const answer = agrees('discard 5 dead letters?', own);
    own.input.end();
    expect(await answer).toBe(false);
  });

  test('is refused where nobody can be asked, but for --yes', () => {
    expect(() => demandYes(false, 'redrive of many', terminal(false))).toThrow('needs --yes');
    expect(() => demandYes(true, 'redrive of many', terminal(false))).not.toThrow();
    expect(() => demandYes(false, 'redrive of many', terminal(true))).not.toThrow();
  });
});
