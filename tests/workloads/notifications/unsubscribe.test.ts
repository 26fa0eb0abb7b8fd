import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Choices, Person, PersonKey } from '../../../src/ports/people.js';
import { createUnsubscribeLinks, unsubscribe } from '../../../src/workloads/notifications/unsubscribe.js';

const SECRET = 's'.repeat(32);
const OTHER = 'o'.repeat(32);
const ANA = { tenant: 'default', userId: 'ana', category: 'marketing' };
const links = createUnsubscribeLinks([SECRET], () => 'https://notify.example.org');

const tokenOf = (url: string): string => url.slice(url.lastIndexOf('/') + 1);

describe('An unsubscribe link', () => {
  test('is the same each time it is made, and gives back whom and what it is for', () => {
    const url = links.urlFor(ANA);
    expect(url).toBe(links.urlFor({ ...ANA }));
    expect(url.startsWith('https://notify.example.org/unsubscribe/')).toBe(true);
    expect(links.read(tokenOf(url))).toEqual(ANA);
  });

  test('holds any ids, in characters that neither a header nor a path changes', () => {
    const part = fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(part, part, part, (tenant, userId, category) => {
        const token = tokenOf(links.urlFor({ tenant, userId, category }));
        expect(token).toMatch(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}$/);
        expect(links.read(token)).toEqual({ tenant, userId, category });
      }),
    );
  });

  test('is nothing when any character of it is another', () => {
    const token = tokenOf(links.urlFor(ANA));
    for (let at = 0; at < token.length; at += 1) {
      for (const character of ['A', 'x', '_', '.', '=', ' ', 'é']) {
        if (token[at] === character) continue;
        expect(links.read(token.slice(0, at) + character + token.slice(at + 1))).toBeNull();
      }
    }
  });

  test('is nothing under another secret, and is honoured while its secret is among those that are', () => {
    const token = tokenOf(links.urlFor(ANA));
    expect(createUnsubscribeLinks([OTHER], () => '').read(token)).toBeNull();
    const rotated = createUnsubscribeLinks([OTHER, SECRET], () => '');
    expect(rotated.read(token)).toEqual(ANA);
    expect(createUnsubscribeLinks([OTHER], () => '').read(tokenOf(rotated.urlFor(ANA)))).toEqual(ANA);
  });
});

describe('Unsubscribing', () => {
  const key: PersonKey = { tenant: ANA.tenant, userId: ANA.userId };

  /** A store of one person in which others are faster, so many times. */
  function contested(rivals: number) {
    let person: Person | null = null;
    let left = rivals;
    const store = (choices: Choices): Person => ({ ...key, ...choices, version: (person?.version ?? 0) + 1, updatedAt: 0 });
    return {
      get: () => Promise.resolve(person),
      put: (_key: PersonKey, choices: Choices, ifVersion: number | null) => {
        if (left > 0) {
          left -= 1;
          person = store({ contacts: {}, channels: { sms: false }, categories: { news: { push: false } }, quietHours: null });
        }
        if (ifVersion !== null && ifVersion !== (person?.version ?? 0)) return Promise.resolve({ outcome: 'conflict' as const, person });
        person = store(choices);
        return Promise.resolve({ outcome: 'stored' as const, person });
      },
      present: () => person,
    };
  }

  test('keeps what others change meanwhile', async () => {
    const people = contested(3);
    expect(await unsubscribe(people, ANA)).toBe('changed');
    expect(people.present()).toMatchObject({
      channels: { sms: false },
      categories: { news: { push: false }, marketing: { email: false } },
      version: 4,
    });
    expect(await unsubscribe(people, ANA)).toBe('unchanged');
    expect(people.present()?.version).toBe(4);
  });

  test('gives up where the choices never stand still', async () => {
    expect(await unsubscribe(contested(1000), ANA)).toBeNull();
  });
});
