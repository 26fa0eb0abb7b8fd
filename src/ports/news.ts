import type { ConversationKey, Receipt } from './messages.js';

/** A receipt that was given just now, for the first time. */
export interface ReceiptNews extends ConversationKey, Receipt {
  readonly messageId: string;
}

/** What one process has learnt and the others had better know at once. */
export type NewsItem =
  /** A provider's breaker opened (for `openMs` more milliseconds), or closed again. */
  | { readonly kind: 'breaker'; readonly name: string; readonly state: 'open' | 'closed'; readonly openMs: number }
  /** An inbox has a new item. */
  | { readonly kind: 'inbox'; readonly tenant: string; readonly userId: string }
  /** A conversation has a new message. */
  | { readonly kind: 'conversation'; readonly tenant: string; readonly conversationId: string }
  /** Somebody has received or read a message of a conversation. */
  | ({ readonly kind: 'receipt' } & ReceiptNews);

/**
 * What the processes of a fleet tell each other as it happens. Nothing rests on it: what is lost on the way (or while
 * the server is away) every process finds out by itself a little later, by polling or by its own failures.
 */
export interface News {
  /** Never throws and never waits; dropped when it cannot be sent. */
  tell(item: NewsItem): void;
  /** What others told, never one's own. The listener must not throw. */
  hear(listener: (item: NewsItem) => void): void;
}
