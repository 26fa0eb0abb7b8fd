import type { Clock } from '../ports/clock.js';
import type { KeyStore, LiveKey } from '../ports/keys.js';

/** For so long what the store said of a key is believed: so soon does an end take effect in every process. */
export const KEY_FRESH_MS = 5_000;
/** Keys remembered. Past that the oldest is asked for again. */
const REMEMBERED = 10_000;

interface Remembered {
  readonly found: Promise<LiveKey | null>;
  /** On the monotonic clock: no answer is older than its question. */
  readonly askedAt: number;
}

/** The keys of the store, each asked for once in a while, however often it is used. */
export interface KeyRing {
  /** Null: not honoured. Rejects when the store does not answer: an older answer than {@link KEY_FRESH_MS} is none. */
  live(id: string): Promise<LiveKey | null>;
  /** It has changed: in this process that is known at once. */
  forget(id: string): void;
}

export function createKeyRing(keys: Pick<KeyStore, 'live'>, clock: Pick<Clock, 'monotonic'>): KeyRing {
  const remembered = new Map<string, Remembered>();

  const ask = (id: string): Remembered => {
    const entry: Remembered = { found: keys.live(id), askedAt: clock.monotonic() };
    remembered.delete(id);
    remembered.set(id, entry);
    if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value ?? '');
    // A failure is nobody's answer: the next who asks asks the store.
    entry.found.catch(() => {
      if (remembered.get(id) === entry) remembered.delete(id);
    });
    return entry;
  };

  return {
    async live(id) {
      const known = remembered.get(id);
      const fresh = known !== undefined && clock.monotonic() - known.askedAt < KEY_FRESH_MS;
      const { found, askedAt } = fresh ? known : ask(id);
      const live = await found;
      // It may have ended since.
      const ended = live !== null && live.leftMs !== null && clock.monotonic() - askedAt >= live.leftMs;
      return ended ? null : live;
    },
    forget: (id) => void remembered.delete(id),
  };
}
