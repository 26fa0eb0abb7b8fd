import type { Timers } from '../../ports/clock.js';
import type { ConversationKey, Message, MessageStore } from '../../ports/messages.js';
import { createEventStreams, type EventStreams } from '../event-streams.js';

/** Streams of one conversation in one process: everybody who takes part, with all their devices. */
const PER_CONVERSATION = 1_000;

interface Deps {
  readonly messages: Pick<MessageStore, 'history'>;
  readonly timers: Timers;
  /** Streams open at a time. */
  readonly most: number;
  /** The net: every stream looks into the store this often, for what another process may have put there. */
  readonly pollMs: number;
}

/** Every open stream of every conversation in this process; a place is an order key. */
export type ConversationStreams = EventStreams<ConversationKey, string, Message>;

export function createConversationStreams({ messages, ...deps }: Deps): ConversationStreams {
  return createEventStreams(
    {
      whose: 'This conversation',
      event: 'message',
      perKey: PER_CONVERSATION,
      nameOf: ({ tenant, conversationId }: ConversationKey) => `${tenant}\u0000${conversationId}`,
      placeOf: (message: Message) => message.order,
      after: (key, after, limit) => messages.history({ ...key, after, limit, newestFirst: false }),
    },
    deps,
  );
}
