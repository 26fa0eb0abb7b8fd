/** What a key may be used for; `src/ingress/access.ts` says which route asks for which. */
export const SCOPES = ['send', 'read', 'desk', 'admin', 'operate'] as const;

export type Scope = (typeof SCOPES)[number];

/** A key as it is made. Its secret is known to its owner alone; the store has a digest of it. */
export interface KeyDraft {
  /** Public, and part of the key's text: what it is looked up by. */
  readonly id: string;
  readonly tenant: string;
  /** Of the service that uses it. All keys of one name in one tenant are one principal. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** SHA-256 of the whole text, hex. */
  readonly digest: string;
  /** Who made it. */
  readonly createdBy: string;
  /** Milliseconds for which it is honoured; null: until somebody ends it. */
  readonly livesMs: number | null;
  /** The id of the key in whose place it comes. */
  readonly replaces: string | null;
}

export interface ApiKey extends Omit<KeyDraft, 'livesMs'> {
  /** Milliseconds since the epoch on the store's clock, as all times here. */
  readonly createdAt: number;
  /** From then on it is not honoured; null: no end is known. */
  readonly endsAt: number | null;
  /** Who ended it before its time, or set that end; null: nobody. */
  readonly endedBy: string | null;
}

/** A key that is honoured now. */
export interface LiveKey {
  readonly key: ApiKey;
  /** Milliseconds until it ends; null: no end is known. */
  readonly leftMs: number | null;
}

export interface KeyList {
  readonly tenant: string;
  readonly limit: number;
  /** Keys after this place in the order newest first. */
  readonly after?: { readonly createdAt: number; readonly id: string };
}

/**
 * The API keys of all tenants.
 *
 * Promises: what is answered is durable; whether a key is honoured is judged by the store's clock; an end once set is only ever
 * brought forward, whoever sets it at the same time; a key of one tenant is never shown to or ended for another. Keys that ended
 * longer ago than {@link KEY_KEPT_MS} are removed when the tenant's next key is made.
 * Throws `SignalboxError` (`store-unavailable`, `store-full`).
 */
export interface KeyStore {
  /** Repeatable: the same id again is the key that is there. */
  add(draft: KeyDraft): Promise<ApiKey>;
  /** Null: there is no such key, or it has ended. Of whatever tenant: whoever shows a key does not say whose it is. */
  live(id: string): Promise<LiveKey | null>;
  /** Newest first, also those that have ended. */
  list(list: KeyList): Promise<readonly ApiKey[]>;
  /** Ends it in so many milliseconds, or when it ends anyhow if that is sooner. Null: this tenant has no such key. */
  end(key: { readonly tenant: string; readonly id: string }, inMs: number, by: string): Promise<ApiKey | null>;
}

/** For so long a key that has ended can still be seen: who had it, who ended it. */
export const KEY_KEPT_MS = 90 * 24 * 3_600_000;
