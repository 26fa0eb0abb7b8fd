import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { KEY_KEPT_MS, type KeyDraft, type KeyStore } from '../../src/ports/keys.js';

/** No keys yet. The port is read afresh after a restart. */
export interface KeysHarness {
  readonly keys: KeyStore;
  /** The store's clock, milliseconds since the epoch. */
  now(): number;
  pass(ms: number): Promise<void>;
  restart(how: 'closed' | 'crashed'): Promise<void>;
  dispose(): Promise<void>;
}

export interface KeysFeatures {
  /** The clock stands still but for `pass`, which is free of charge. */
  readonly stillClock: boolean;
}

const LIFE_MS = 1500;

function draft(change: Partial<KeyDraft> = {}): KeyDraft {
  return {
    id: 'k1',
    tenant: 't',
    name: 'orders',
    scopes: ['send', 'read'],
    digest: 'ab'.repeat(32),
    createdBy: 'admin',
    livesMs: null,
    replaces: null,
    ...change,
  };
}

/** What every `KeyStore` promises. */
export function keysContract(features: KeysFeatures, make: () => Promise<KeysHarness>): void {
  describe('KeyStore', () => {
    let harness: KeysHarness;
    beforeEach(async () => {
      harness = await make();
    });
    afterEach(() => harness.dispose());
    const keys = (): KeyStore => harness.keys;
    const ids = async (tenant = 't', limit = 100): Promise<string[]> => (await keys().list({ tenant, limit })).map(({ id }) => id);

    test('a key that was added is honoured, as it was made, without end', async () => {
      const { livesMs: _lives, ...made } = draft({ replaces: 'k0' });
      const added = await keys().add(draft({ replaces: 'k0' }));
      expect(added).toMatchObject({ ...made, endsAt: null, endedBy: null });
      if (features.stillClock) expect(added.createdAt).toBe(harness.now());
      expect(await keys().live('k1')).toEqual({ key: added, leftMs: null });
      expect(await keys().list({ tenant: 't', limit: 10 })).toEqual([added]);
    });

    test('of what was never added nothing is known', async () => {
      expect(await keys().live('k1')).toBeNull();
      expect(await keys().list({ tenant: 't', limit: 10 })).toEqual([]);
      expect(await keys().end({ tenant: 't', id: 'k1' }, 0, 'admin')).toBeNull();
    });

    test('the same id again changes nothing, whatever it comes with', async () => {
      const added = await keys().add(draft());
      expect(await keys().add(draft({ digest: 'cd'.repeat(32), scopes: ['admin'] }))).toEqual(added);
      expect(await ids()).toEqual(['k1']);
    });

    test('a key with a life ends with it, and is listed all the same', async () => {
      const added = await keys().add(draft({ livesMs: LIFE_MS }));
      expect(added.endsAt).toBe(added.createdAt + LIFE_MS);
      const left = (await keys().live('k1'))?.leftMs ?? 0;
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(LIFE_MS + 50);
      await harness.pass(LIFE_MS + 1);
      expect(await keys().live('k1')).toBeNull();
      expect(await ids()).toEqual(['k1']);
    });

    test('one that is ended at once is not honoured any more, and says by whom', async () => {
      await keys().add(draft());
      expect(await keys().end({ tenant: 't', id: 'k1' }, 0, 'ops')).toMatchObject({ endedBy: 'ops' });
      await harness.pass(1);
      expect(await keys().live('k1')).toBeNull();
    });

    test('one that is ended for later is honoured until then', async () => {
      await keys().add(draft());
      const ended = await keys().end({ tenant: 't', id: 'k1' }, LIFE_MS, 'ops');
      expect(await keys().live('k1')).toMatchObject({ key: { id: 'k1', endsAt: ended?.endsAt } });
      await harness.pass(LIFE_MS + 1);
      expect(await keys().live('k1')).toBeNull();
    });

    test('an end is only ever brought forward, and the first who ended it is named', async () => {
      await keys().add(draft());
      const first = await keys().end({ tenant: 't', id: 'k1' }, 60_000, 'one');
      expect(await keys().end({ tenant: 't', id: 'k1' }, 3_600_000, 'two')).toEqual(first);
      const sooner = await keys().end({ tenant: 't', id: 'k1' }, 1000, 'three');
      expect(sooner?.endedBy).toBe('three');
      expect(sooner?.endsAt).toBeLessThan(first?.endsAt ?? 0);
    });

    test('of many who end it at once the soonest holds', async () => {
      await keys().add(draft());
      await Promise.all(Array.from({ length: 12 }, (_, n) => keys().end({ tenant: 't', id: 'k1' }, 60_000 * (n + 1), `${n}`)));
      const [key] = await keys().list({ tenant: 't', limit: 1 });
      expect(key?.endedBy).toBe('0');
    });

    test('what a tenant has is neither listed nor ended for another', async () => {
      await keys().add(draft());
      await keys().add(draft({ id: 'k2', tenant: 'other' }));
      expect(await ids('t')).toEqual(['k1']);
      expect(await ids('other')).toEqual(['k2']);
      expect(await keys().end({ tenant: 'other', id: 'k1' }, 0, 'ops')).toBeNull();
      expect((await keys().live('k1'))?.key.endsAt).toBeNull();
    });

    test('lists are newest first and go on where the last page ended', async () => {
      for (const id of ['k3', 'k1', 'k2']) await keys().add(draft({ id }));
      await harness.pass(20);
      await keys().add(draft({ id: 'k0' }));
      const all = await keys().list({ tenant: 't', limit: 10 });
      expect(all[0]?.id).toBe('k0');
      const seen: string[] = [];
      for (let page = await keys().list({ tenant: 't', limit: 2 }); page.length > 0; ) {
        seen.push(...page.map(({ id }) => id));
        const { createdAt = 0, id = '' } = page.at(-1) ?? {};
        page = await keys().list({ tenant: 't', limit: 2, after: { createdAt, id } });
      }
      expect(seen).toEqual(all.map(({ id }) => id));
      expect([...seen].sort()).toEqual(['k0', 'k1', 'k2', 'k3']);
    });

    test('what was added and ended is so after the store was closed', async () => {
      await keys().add(draft());
      await keys().add(draft({ id: 'k2' }));
      await keys().end({ tenant: 't', id: 'k2' }, 0, 'ops');
      const before = await keys().list({ tenant: 't', limit: 10 });
      await harness.restart('closed');
      expect(await keys().list({ tenant: 't', limit: 10 })).toEqual(before);
      expect(await keys().live('k1')).toMatchObject({ key: { id: 'k1' } });
    });

    test('a key that ended long ago is forgotten when the next one is made', async () => {
      if (!features.stillClock) return;
      await keys().add(draft({ id: 'old', livesMs: 10 }));
      await keys().add(draft({ id: 'lives' }));
      await keys().add(draft({ id: 'other', tenant: 'other', livesMs: 10 }));
      await harness.pass(KEY_KEPT_MS);
      await keys().add(draft({ id: 'k1' }));
      expect((await ids()).sort()).toEqual(['k1', 'lives', 'old']);
      await harness.pass(20);
      await keys().add(draft({ id: 'k2' }));
      expect((await ids()).sort()).toEqual(['k1', 'k2', 'lives']);
      expect(await ids('other')).toEqual(['other']);
    });
  });
}
