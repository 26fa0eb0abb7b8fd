/** Whose inbox. */
export interface InboxKey {
  readonly tenant: string;
  readonly userId: string;
}

/** An in-app notification as its sender hands it in. */
export interface InboxDraft extends InboxKey {
  /** The effect's constant name: the same one twice is one item. */
  readonly operationId: string;
  readonly notificationId: string;
  readonly category: string | null;
  readonly subject: string | null;
  readonly body: string;
  readonly data: Readonly<Record<string, unknown>> | null;
}

export interface InboxItem extends InboxDraft {
  /** Rises within the inbox with every item, from 1, and is never used twice; the event id of its stream. */
  readonly seq: number;
  /** Milliseconds since the epoch on the store's clock. */
  readonly createdAt: number;
  readonly readAt: number | null;
}

export interface InboxQuery extends InboxKey {
  /** 1 … 100. */
  readonly limit: number;
  readonly unreadOnly?: boolean;
  /** Items before this one in the order newest first. */
  readonly before?: number;
}

/** Which items: those named, or every one up to and including a sequence number. */
export type InboxSelection = { readonly seqs: readonly number[] } | { readonly upTo: number };

/**
 * What people find when they open the application.
 *
 * Promises: `put` is durable when it resolves and idempotent by operation id; whoever reads `after` a sequence number misses
 * nothing that was put before the read began, in order. Throws `SignalboxError` (`store-unavailable`, `store-full`).
 */
export interface InboxStore {
  /** The item as it now is: the first one, when the operation id is known. */
  put(draft: InboxDraft): Promise<InboxItem>;
  /** Newest first. */
  list(query: InboxQuery): Promise<readonly InboxItem[]>;
  /** Oldest first, those with a greater sequence number; at most `limit`. */
  after(key: InboxKey, seq: number, limit: number): Promise<readonly InboxItem[]>;
  unread(key: InboxKey): Promise<number>;
  /** Sets the read state of those selected; gives how many changed. */
  mark(key: InboxKey, selection: InboxSelection, read: boolean): Promise<number>;
}
