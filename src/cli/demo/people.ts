import type { Choices } from '../prefs-change.js';

/** Where somebody is in their day while the demo runs. */
export type Rest = 'awake' | 'waking' | 'asleep';

/** How somebody lives, as far as it matters here. */
export interface Life {
  readonly id: string;
  /** IANA. */
  readonly timeZone: string;
  readonly rest: Rest;
  /** Counts up from 0 over all; makes addresses and the minute of waking different. */
  readonly index: number;
  /** Does not want anything by this channel. */
  readonly channelOff: string | null;
  /** Does not want this category by a channel, as `category/channel`. */
  readonly categoryOff: string | null;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** A window that ends sooner could end while the feed still runs. */
const LEAST_MS = 20_000;

/** When the windows of those who are waking end: the first full minute that is not too near, or the one after. */
export function wakesAt({ index }: Pick<Life, 'index'>, now: number): number {
  const first = Math.ceil((now + LEAST_MS) / MINUTE_MS) * MINUTE_MS;
  return first + (index % 2) * MINUTE_MS;
}

/** What a clock on the wall of that zone shows: `HH:MM`. */
function wallClock(timeZone: string, at: number): string {
  return new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(at);
}

/** From when to when, in milliseconds since the epoch, this person is not to be disturbed today. */
function window({ rest, index }: Life, now: number): readonly [from: number, to: number] {
  if (rest === 'asleep') return [now - 2 * HOUR_MS, now + 5 * HOUR_MS];
  if (rest === 'waking') return [now - 7 * HOUR_MS, wakesAt({ index }, now)];
  return [now + 8 * HOUR_MS, now + 15 * HOUR_MS];
}

/** Pure. What this person has chosen: contacts in the sink, quiet hours in their own zone relative to now, and what they opted out of. */
export function choicesOf(life: Life, now: number, sinkUrl: string): Choices {
  const { id, timeZone, index, channelOff, categoryOff } = life;
  const [from, to] = window(life, now);
  const [category, channel] = categoryOff?.split('/') ?? [];
  return {
    contacts: {
      email: `${id}@demo.example.org`,
      phone: `+35191234${String(index).padStart(4, '0')}`,
      webhook: `${sinkUrl}/webhook/${id}`,
      pushToken: `demo-device-${id}`,
    },
    channels: channelOff === null ? {} : { [channelOff]: false },
    categories: category === undefined || channel === undefined ? {} : { [category]: { [channel]: false } },
    quietHours: { start: wallClock(timeZone, from), end: wallClock(timeZone, to), timeZone },
  };
}
