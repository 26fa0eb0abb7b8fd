import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Choices, PeopleStore, PersonKey } from '../../src/ports/people.js';

/** An empty store of people under test. The port is read afresh after a restart. */
export interface PeopleHarness {
  readonly people: PeopleStore;
  /** The store's clock, milliseconds since the epoch. */
  now(): number;
  pass(ms: number): Promise<void>;
  restart(how: 'closed' | 'crashed'): Promise<void>;
  dispose(): Promise<void>;
}

export interface PeopleFeatures {
  readonly stillClock: boolean;
  readonly durable: boolean;
}

const ANA: PersonKey = { tenant: 't', userId: 'ana' };
const NONE: Choices = { contacts: {}, channels: {}, categories: {}, quietHours: null };
const ALL: Choices = {
  contacts: { email: 'ana@example.org', phone: '+351912345678', webhook: 'https://example.org/ana', pushToken: 'abc' },
  channels: { email: true, sms: false },
  categories: { marketing: { email: false, push: true }, orders: {} },
  quietHours: { start: '22:00', end: '07:00', timeZone: 'Europe/Lisbon', days: ['mon', 'sun'] },
};

/** What every `PeopleStore` promises. */
export function peopleContract(features: PeopleFeatures, make: () => Promise<PeopleHarness>): void {
  describe('PeopleStore', () => {
    let harness: PeopleHarness;
    beforeEach(async () => {
      harness = await make();
    });
    afterEach(() => harness.dispose());
    const people = (): PeopleStore => harness.people;
    const version = async (key = ANA): Promise<number> => (await people().get(key))?.version ?? 0;

    test('nobody is known who has never chosen anything', async () => {
      expect(await people().get(ANA)).toBeNull();
      expect(await people().getMany('t', ['ana', 'bo'])).toEqual(new Map());
      expect(await people().changed(10)).toEqual([]);
    });

    test('what was put is there in full, at version 1, at the time of the store’s clock', async () => {
      const { outcome, person } = await people().put(ANA, ALL, null);
      expect(outcome).toBe('stored');
      expect(person).toMatchObject({ ...ANA, ...ALL, version: 1 });
      if (features.stillClock) expect(person?.updatedAt).toBe(harness.now());
      expect(await people().get(ANA)).toEqual(person);
    });

    test('who was looked up before they were known is seen as soon as they are', async () => {
      await people().get(ANA);
      await people().getMany('t', ['ana']);
      await people().put(ANA, ALL, null);
      expect(await people().get(ANA)).toMatchObject(ALL);
      expect((await people().getMany('t', ['ana'])).get('ana')).toMatchObject(ALL);
    });

    test('a put replaces everything and raises the version by one', async () => {
      await people().put(ANA, ALL, null);
      const { person } = await people().put(ANA, NONE, null);
      expect(person).toMatchObject({ ...NONE, version: 2 });
      expect(await people().get(ANA)).toEqual(person);
    });

    test('what the caller does with its object afterwards changes nothing', async () => {
      const channels: Record<string, boolean> = { email: false };
      await people().put(ANA, { ...NONE, channels }, null);
      channels['email'] = true;
      expect(await people().get(ANA)).toMatchObject({ channels: { email: false } });
    });

    test('with a version, only who is at it is changed; 0 is who is not known yet', async () => {
      expect(await people().put(ANA, ALL, 1)).toEqual({ outcome: 'conflict', person: null });
      expect(await people().get(ANA)).toBeNull();
      expect((await people().put(ANA, ALL, 0)).outcome).toBe('stored');
      const present = await people().get(ANA);
      expect(await people().put(ANA, NONE, 0)).toEqual({ outcome: 'conflict', person: present });
      expect(await people().put(ANA, NONE, 2)).toEqual({ outcome: 'conflict', person: present });
      expect((await people().put(ANA, NONE, 1)).person).toMatchObject({ version: 2 });
    });

    test('of many puts at once for one version a single one is stored', async () => {
      await people().put(ANA, NONE, null);
      const results = await Promise.all(Array.from({ length: 20 }, () => people().put(ANA, ALL, 1)));
      expect(results.filter(({ outcome }) => outcome === 'stored')).toHaveLength(1);
      expect(await version()).toBe(2);
    });

    test('people of different tenants, and different people, have nothing to do with each other', async () => {
      await people().put(ANA, ALL, null);
      await people().put({ tenant: 'other', userId: 'ana' }, NONE, null);
      await people().put({ tenant: 't', userId: 'bo' }, NONE, null);
      expect(await people().get(ANA)).toMatchObject({ ...ALL, version: 1 });
      expect(await people().get({ tenant: 'other', userId: 'ana' })).toMatchObject({ ...NONE, version: 1 });
      expect(await people().get({ tenant: 'other', userId: 'bo' })).toBeNull();
      const many = await people().getMany('t', ['bo', 'nobody', 'ana']);
      expect([...many.keys()].sort()).toEqual(['ana', 'bo']);
    });

    test('a change stays among the changed until it is applied, the longest waiting first', async () => {
      const bo = { tenant: 't', userId: 'bo' };
      await people().put(ANA, ALL, null);
      await harness.pass(1000);
      await people().put(bo, ALL, null);
      expect(await people().changed(10)).toEqual([
        { ...ANA, version: 1 },
        { ...bo, version: 1 },
      ]);
      expect(await people().changed(1)).toEqual([{ ...ANA, version: 1 }]);
      await people().applied({ ...ANA, version: 1 });
      expect(await people().changed(10)).toEqual([{ ...bo, version: 1 }]);
      expect(await version()).toBe(1);
    });

    test('a change that came after the one applied is still to be done', async () => {
      await people().put(ANA, ALL, null);
      await people().put(ANA, NONE, null);
      await people().applied({ ...ANA, version: 1 });
      expect(await people().changed(10)).toEqual([{ ...ANA, version: 2 }]);
      await people().applied({ ...ANA, version: 2 });
      await people().applied({ ...ANA, version: 2 });
      await people().applied({ tenant: 't', userId: 'nobody', version: 1 });
      expect(await people().changed(10)).toEqual([]);
      await people().put(ANA, ALL, null);
      expect(await people().changed(10)).toEqual([{ ...ANA, version: 3 }]);
    });

    test.each(['closed', 'crashed'] as const)(
      'what was put, and what of it is still to be done, is there after the store was %s',
      async (how) => {
        if (!features.durable) return;
        const bo = { tenant: 't', userId: 'bo' };
        await people().put(ANA, ALL, null);
        await people().put(bo, NONE, null);
        await people().applied({ ...bo, version: 1 });
        await harness.restart(how);
        expect(await people().get(ANA)).toMatchObject({ ...ALL, version: 1 });
        expect(await people().changed(10)).toEqual([{ ...ANA, version: 1 }]);
      },
    );
  });
}
