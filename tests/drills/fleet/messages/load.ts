import type { Accepts, Offer, OfferOf } from '../load.js';

/** Enough that a partition has several of them, few enough that each has a history. */
const CONVERSATIONS = 120;

export const MESSAGES: Accepts = { path: '/api/v1/messages', idField: 'messageId' };

/** A message as it is sent. */
export interface MessageBody {
  readonly conversationId: string;
  readonly senderId: string;
  readonly content: string;
  readonly clientMessageId: string;
}

/** To conversations in turns, each with a sender of its own, who waits for the answer to one before sending the next. */
export const messages: OfferOf = (index, { run }) => message(index, run);

interface How {
  /** How many there are. */
  readonly conversations?: number;
  /** Ends the content. */
  readonly text?: string;
}

export function message(index: number, run: string, { conversations = CONVERSATIONS, text = '' }: How = {}): Offer {
  const number = index % conversations;
  const conversationId = `${run}-${number}`;
  const key = `${run}-m${index}`;
  const content = `Message ${Math.floor(index / conversations)} of conversation ${number}${text}`;
  const body: MessageBody = { conversationId, senderId: `sender_${number}`, content, clientMessageId: key };
  return { key, lane: conversationId, body: JSON.stringify(body), expected: [{ channel: 'stream', recipient: conversationId }] };
}
