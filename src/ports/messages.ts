/** Whose conversation it is. */
export interface ConversationKey {
  readonly tenant: string;
  readonly conversationId: string;
}

/** A message without its place, as a client sent it and ingress accepted it. */
export interface UnplacedMessage extends ConversationKey {
  /** Follows from the key; unique over all tenants. */
  readonly id: string;
  /** Hash of tenant, sender, conversation and the client's own id of it; unique over all tenants: the last guard against a second row. */
  readonly idempotencyKey: string;
  /** Of what was sent: tells a repeat from another message under the same key. */
  readonly fingerprint: string;
  readonly senderId: string;
  /** The sender's own id of it; null: it sent none. */
  readonly clientMessageId: string | null;
  /** Empty: whoever takes part in the conversation. */
  readonly recipientIds: readonly string[];
  readonly contentType: string;
  readonly content: string;
  /** The request that brought it. */
  readonly correlationId: string;
  /** Milliseconds since the epoch on the clock of whoever accepted it. */
  readonly acceptedAt: number;
}

export interface MessageDraft extends UnplacedMessage {
  /** Its place in the conversation: compares as text, see `StreamEntry.order`. */
  readonly order: string;
}

export interface Message extends MessageDraft {
  /** Milliseconds since the epoch on the store's clock. */
  readonly persistedAt: number;
}

/** `duplicate`: the very message was there already. `conflict`: another one is there under its key, and nothing was stored. */
export type PersistOutcome = 'stored' | 'duplicate' | 'conflict';

export interface HistoryQuery extends ConversationKey {
  /** 1 … 100, and one more to see whether there are more. */
  readonly limit: number;
  readonly newestFirst: boolean;
  /** Those behind this place in the wanted direction. Left out: from the end. */
  readonly after?: string;
}

export const RECEIPT_STATES = ['delivered', 'read'] as const;

export type ReceiptState = (typeof RECEIPT_STATES)[number];

/** One person's word on one message; each state once. */
export interface Receipt {
  readonly userId: string;
  readonly state: ReceiptState;
  /** When it was first given, milliseconds since the epoch on the store's clock. */
  readonly at: number;
}

/**
 * Where messages rest.
 *
 * Promises: what `persist` and `place` name `stored` is durable when they resolve, and every read that begins afterwards sees it;
 * all of it may be repeated after a lost answer. One message has one row, whoever stores it, and however often and wherever at
 * once. Throws `SignalboxError` (`store-unavailable`, `store-full`).
 */
export interface MessageStore {
  /** Stores those that are not there yet. One outcome for each draft, in their order; of the same id twice, the second is a `duplicate`. */
  persist(drafts: readonly MessageDraft[]): Promise<readonly PersistOutcome[]>;
  /**
   * Stores one behind everything that the conversation has, and before everything that its stream will ever hand out after that.
   * `message` is the one that is there: for a duplicate or a conflict, the first.
   */
  place(message: UnplacedMessage): Promise<{ readonly outcome: PersistOutcome; readonly message: Message }>;
  get(tenant: string, id: string): Promise<Message | null>;
  history(query: HistoryQuery): Promise<readonly Message[]>;
  /** Null: there is no such message. `added`: false where it was given before; `receipt` is then the first. */
  receive(
    tenant: string,
    messageId: string,
    receipt: Omit<Receipt, 'at'>,
  ): Promise<{ readonly added: boolean; readonly receipt: Receipt } | null>;
  /** Of one message, the oldest first. Those of a message that is not there: none. */
  receipts(tenant: string, messageId: string): Promise<readonly Receipt[]>;
}

/** How far a run of numbers behind an order key may go. */
const SUFFIX_DIGITS = 9;

/**
 * The next place behind `newest` (null: the conversation is empty) that is still before every entry that a stream gives out later: the
 * order key of the newest entry, and a running number behind it.
 */
export function placeAfter(newest: string | null): string {
  const [entry = '', number = '0'] = (newest ?? '0').split('.');
  return `${entry}.${String(Number(number) + 1).padStart(SUFFIX_DIGITS, '0')}`;
}
