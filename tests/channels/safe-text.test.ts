import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { safeText } from '../../src/channels/safe-text.js';

const localPart = fc.stringMatching(/^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{3,20}$/);
const address = fc.tuple(localPart, fc.domain()).map(([local, domain]) => `${local}@${domain}`);

test('Whatever a provider says about whomever, it is one short line without the recipient', () => {
  fc.assert(
    fc.property(address, fc.array(fc.string({ unit: 'binary', maxLength: 40 })), fc.boolean(), (recipient, words, shouting) => {
      const local = recipient.slice(0, recipient.lastIndexOf('@'));
      const said = words.join(` <${shouting ? recipient.toUpperCase() : recipient}> ${local} `);
      const safe = safeText(said, recipient);
      expect(safe.length).toBeLessThanOrEqual(200);
      expect(safe).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
      expect(safe.toLowerCase()).not.toContain(recipient.toLowerCase());
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['550 mary-ann@example.org is unknown', 'mary-ann@example.org', '550 […] is unknown'],
  ['550 user MARY-ANN is unknown', 'mary-ann@example.org', '550 user […] is unknown'],
  ['550 a+b*c is unknown', 'a+b*c@example.org', '550 […] is unknown'],
  ['452 someone.else@example.net is full', 'mary@example.org', '452 […] is full'],
  ['250 2.0.0 Ok: queued as 4F2A', 'ok@example.org', '250 2.0.0 Ok: queued as 4F2A'],
  ['550\u001b[31m red\r\nalert', 'x@example.org', '550 [31m red alert'],
])('%j about %s is kept as %j', (said, recipient, kept) => {
  expect(safeText(said, recipient)).toBe(kept);
});

test('A text full of addresses leaves none of them, not even the one that is cut', () => {
  const safe = safeText('mary.poppins@example.org '.repeat(300), 'mary.poppins@example.org');
  expect(safe).not.toMatch(/mary|poppins/);
});
