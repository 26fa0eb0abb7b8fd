import type { Timers } from '../../ports/clock.js';
import type { InboxItem, InboxKey, InboxStore } from '../../ports/inbox.js';
import { createEventStreams, type EventStreams } from '../event-streams.js';

/** Streams of one person: their devices and open pages. */
const PER_PERSON = 10;

interface Deps {
  readonly inbox: Pick<InboxStore, 'after'>;
  readonly timers: Timers;
  /** Streams open at a time. */
  readonly most: number;
  /** The net: every stream looks into the store this often, for what another process may have put there. */
  readonly pollMs: number;
}

/** Every open stream of every inbox in this process; a place is a sequence number. */
export type InboxStreams = EventStreams<InboxKey, number, InboxItem>;

export function createInboxStreams({ inbox, ...deps }: Deps): InboxStreams {
  return createEventStreams(
    {
      whose: 'This inbox',
      event: 'notification',
      perKey: PER_PERSON,
      nameOf: ({ tenant, userId }: InboxKey) => `${tenant}\u0000${userId}`,
      placeOf: (item: InboxItem) => item.seq,
      after: (key, seq, limit) => inbox.after(key, seq, limit),
    },
    deps,
  );
}
