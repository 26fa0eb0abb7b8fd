import { describe, expect, it } from '@jest/globals';
import { createKeyRing, KEY_FRESH_MS } from '../../src/ingress/key-ring.js';
import type { LiveKey } from '../../src/ports/keys.js';

const KEY = {
  id: 'k',
  tenant: 't',
  name: 'n',
  scopes: [],
  digest: '',
  createdBy: 'a',
  replaces: null,
  createdAt: 0,
  endsAt: null,
  endedBy: null,
} as const;

/** A ring around a store that counts who asks, and a clock that is set by hand. */
function stage(first: LiveKey | null | Error = { key: KEY, leftMs: null }) {
  let now = 1000;
  let asked = 0;
  let says = first;
  const live = (): Promise<LiveKey | null> => {
    asked += 1;
    return says instanceof Error ? Promise.reject(says) : Promise.resolve(says);
  };
  return {
    ring: createKeyRing({ live }, { monotonic: () => now }),
    pass(ms: number) {
      now += ms;
    },
    say(next: LiveKey | null | Error) {
      says = next;
    },
    asked: () => asked,
  };
}

describe('The ring of keys', () => {
  it('asks the store once for all who use a key at a time, and again when the answer is too old', async () => {
    const { ring, pass, asked } = stage();
    await Promise.all(Array.from({ length: 50 }, () => ring.live('k')));
    pass(KEY_FRESH_MS - 1);
    await ring.live('k');
    expect(asked()).toBe(1);
    pass(1);
    await ring.live('k');
    expect(asked()).toBe(2);
  });

  it('knows of a revocation when the answer before is KEY_FRESH_MS old, which is 5 s', async () => {
    expect(KEY_FRESH_MS).toBe(5000);
    const { ring, pass, say } = stage();
    await ring.live('k');
    say(null);
    pass(KEY_FRESH_MS - 1);
    expect(await ring.live('k')).not.toBeNull();
    pass(1);
    expect(await ring.live('k')).toBeNull();
  });

  it('knows at once of what was done here', async () => {
    const { ring, say } = stage();
    await ring.live('k');
    say(null);
    ring.forget('k');
    expect(await ring.live('k')).toBeNull();
  });

  it('does not honour a key past its end, though the store has not been asked since', async () => {
    const { ring, pass, asked } = stage({ key: KEY, leftMs: 300 });
    pass(0);
    expect(await ring.live('k')).not.toBeNull();
    pass(300);
    expect(await ring.live('k')).toBeNull();
    expect(asked()).toBe(1);
  });

  it('lives by no old answer when the store is away, and remembers no failure', async () => {
    const { ring, pass, say } = stage();
    await ring.live('k');
    say(new Error('away'));
    expect(await ring.live('k')).not.toBeNull();
    pass(KEY_FRESH_MS);
    await expect(ring.live('k')).rejects.toThrow('away');
    say({ key: KEY, leftMs: null });
    expect(await ring.live('k')).not.toBeNull();
  });

  it('forgets the oldest when it has too many: whoever tries ids fills no memory', async () => {
    const { ring, asked } = stage(null);
    for (let n = 0; n < 10_001; n += 1) await ring.live(`k${n}`);
    await ring.live('k10000');
    expect(asked()).toBe(10_001);
    await ring.live('k0');
    expect(asked()).toBe(10_002);
  });
});
