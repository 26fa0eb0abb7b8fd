import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { signatureVerifier } from '../../src/sink/verify-signature.js';
import { OTHER_SECRET, SECRET } from '../channels/fixtures.js';

const NOW = Date.now();
const SECONDS = Math.floor(NOW / 1000);

function headersFor(secret: string, id: string, body: string, seconds = SECONDS): Record<string, string> {
  const signature = new Webhook(secret).sign(id, new Date(seconds * 1000), body);
  return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': signature };
}

function byLibrary(secret: string, headers: Record<string, string>, body: string): 'valid' | 'invalid' {
  try {
    new Webhook(secret).verify(body, headers, { jsonParse: false });
    return 'valid';
  } catch {
    return 'invalid';
  }
}

test('The verdict is that of the Standard Webhooks library, for every id and body, signed by us or by a stranger', () => {
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), text, fc.constantFrom(SECRET, OTHER_SECRET), fc.boolean(), (id, body, signer, tampered) => {
      const headers = headersFor(signer, id, body);
      const arrived = tampered ? `${body}!` : body;
      expect(signatureVerifier([SECRET])(headers, arrived, NOW)).toBe(byLibrary(SECRET, headers, arrived));
    }),
    { numRuns: 200 },
  );
});

test.each([
  ['signed just now', SECONDS, 'valid'],
  ['four minutes old', SECONDS - 240, 'valid'],
  ['six minutes old: a replay', SECONDS - 360, 'invalid'],
  ['six minutes ahead', SECONDS + 360, 'invalid'],
])('A webhook %s', (_title, seconds, verdict) => {
  expect(signatureVerifier([SECRET])(headersFor(SECRET, 'op-1', '{}', seconds), '{}', NOW)).toBe(verdict);
});

test('One of several signatures by one of several secrets is enough', () => {
  const headers = headersFor(OTHER_SECRET, 'op-1', '{}');
  const both = { ...headers, 'webhook-signature': `v2,abc v1,AAAA ${headers['webhook-signature']}` };
  expect(signatureVerifier([SECRET, OTHER_SECRET])(both, '{}', NOW)).toBe('valid');
  expect(signatureVerifier([SECRET])(both, '{}', NOW)).toBe('invalid');
});

test('Without a secret nothing is checked, and without headers there is nothing to check', () => {
  expect(signatureVerifier([])({}, '{}', NOW)).toBe('unchecked');
  expect(signatureVerifier([SECRET])({ 'webhook-id': 'op-1' }, '{}', NOW)).toBe('missing');
});
